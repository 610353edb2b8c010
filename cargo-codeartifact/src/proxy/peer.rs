//! Which user made a connection: on Linux the kernel's tables of sockets say it.
//!
//! A connection within this machine has two rows there, one for each end; the client's is the one whose own address is
//! where our connection came from. It may be among those of version 6 though we listen on version 4: Java's sockets are
//! such. A row counts only while its connection is established and has an owner: the kernel shows what was closed already
//! as belonging to nobody, with the user 0, who might be us.

use std::net::SocketAddr;

use super::guard::Peer;

/// As whom the kernel shows every user that a namespace does not know (`user_namespaces`(7)).
#[cfg(target_os = "linux")]
const NOBODY: u32 = 65534;

/// Who made the connection that came from `from` to us at `to`.
#[cfg(target_os = "linux")]
pub(super) fn of(from: SocketAddr, to: SocketAddr) -> Peer {
    let ours = rustix::process::geteuid().as_raw();
    if ours == NOBODY {
        return Peer::Unknown;
    }
    let mut is_known = false;
    for file in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        let Ok(table) = std::fs::read_to_string(file) else { continue };
        is_known = true;
        if let Some(user) = owner(&table, from, to) {
            return if user == ours { Peer::Same } else { Peer::Other };
        }
    }
    // It is gone by now, or was made where these tables do not reach.
    if is_known { Peer::Other } else { Peer::Unknown }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn of(_: SocketAddr, _: SocketAddr) -> Peer {
    Peer::Unknown
}

/// The user of the socket from `from` to `to`, in a table of `/proc/net/tcp`'s form (`proc_pid_net`(5)).
#[cfg(any(target_os = "linux", test))]
fn owner(table: &str, from: SocketAddr, to: SocketAddr) -> Option<u32> {
    const ESTABLISHED: &str = "01";
    table.lines().skip(1).find_map(|row| {
        // Number, own address, other address, state, queues, timer, retransmits, user, timeout, inode.
        let columns: Vec<&str> = row.split_ascii_whitespace().take(10).collect();
        let [_, own, other, state, _, _, _, user, _, inode] = columns[..] else { return None };
        let is_it = address(own) == Some(canonical(from)) && address(other) == Some(canonical(to));
        if is_it && state == ESTABLISHED && inode != "0" { user.parse().ok() } else { None }
    })
}

#[cfg(any(target_os = "linux", test))]
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// `0100007F:1F90`: words of 32 bits as they are in memory, and the port as a number.
#[cfg(any(target_os = "linux", test))]
fn address(text: &str) -> Option<SocketAddr> {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    let (digits, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |place: usize| u32::from_str_radix(digits.get(place..place + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match digits.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (place, piece) in bytes.chunks_exact_mut(4).enumerate() {
                piece.copy_from_slice(&word(place * 8)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn row(own: &str, other: &str, state: &str, user: u32, inode: u32) -> String {
        format!(
            "   0: {own} {other} {state} 00000000:00000000 00:00000000 00000000  {user:4}        0 {inode} 1 0 20 4 30 10 -1\n"
        )
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn the_row_of_the_clients_end_says_its_user() {
        let (from, to): (SocketAddr, SocketAddr) =
            ("127.0.0.1:8080".parse().unwrap(), "127.0.0.1:4601".parse().unwrap());
        let (client, proxy) = ("0100007F:1F90", "0100007F:11F9");
        let table = |rows: &[String]| format!("{HEAD}{}", rows.concat());
        let ours = row(proxy, client, "01", 0, 7);
        assert_eq!(owner(&table(&[ours.clone(), row(client, proxy, "01", 1000, 8)]), from, to), Some(1000));
        assert_eq!(owner(&table(std::slice::from_ref(&ours)), from, to), None, "our own end is not it");
        // Closed by the client: nobody's, which the kernel shows as 0.
        assert_eq!(owner(&table(&[ours.clone(), row(client, proxy, "05", 0, 0)]), from, to), None);
        assert_eq!(owner(&table(&[ours, row(client, proxy, "01", 0, 0)]), from, to), None);
        // A socket of version 6 that speaks to version 4.
        let (client, proxy) = ("0000000000000000FFFF00000100007F:1F90", "0000000000000000FFFF00000100007F:11F9");
        assert_eq!(owner(&table(&[row(client, proxy, "01", 1001, 9)]), from, to), Some(1001));
        let six = "00000000000000000000000001000000:1F90";
        assert_eq!(address(six), Some("[::1]:8080".parse().unwrap()));
        for odd in ["", "x", "0100007F", "0100007:1F90", "0100007F:XX", "é100007F:1F90"] {
            assert_eq!(address(odd), None, "{odd}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_of_our_own_is_ours() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(to).unwrap();
        let (accepted, from) = listener.accept().unwrap();
        assert_eq!(of(from, to), Peer::Same);
        drop(client);
        // Its end is not established any more once ours has been told.
        let mut byte = [0];
        assert_eq!(std::io::Read::read(&mut &accepted, &mut byte).unwrap(), 0);
        assert_eq!(of(from, to), Peer::Other);
    }
}
