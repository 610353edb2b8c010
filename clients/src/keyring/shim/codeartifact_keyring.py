"""Gives tools that ask Python's ``keyring`` a token for AWS CodeArtifact: twine, Poetry, PDM, hatch, pip.

Nothing is stored or decided here: ``codeartifact-credential-helper`` knows which URLs may get a token and where tokens
come from. It is started for URLs that look like CodeArtifact's and for no others, for tools ask about everything they
use. What it says to the user goes to standard error, as it comes: the tools hide the exceptions of backends, or end by
them, and a sign-in can wait for what the user reads there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

from keyring import backend, credentials, errors
from keyring.backends.chainer import ChainerBackend

PROGRAM = "codeartifact-credential-helper"
# Where the program is not on PATH: its absolute path.
PROGRAM_VARIABLE = "CODEARTIFACT_CREDENTIAL_HELPER"
# The same, where `cargo codeartifact configure` wrote this file.
CONFIGURED = None

# A host of AWS's shape, or the path that the service has on this machine. The program looks closer.
_LOOKS_OURS = re.compile(
    r"https?://[^/?#]*\.codeartifact\.|https?://(?:[^/?#@]*@)?(?:127\.0\.0\.1|\[::1\])(?::\d+)?/d/",
    re.IGNORECASE,
)
# What tools make up where nobody named a user: `__token__`, `__poetry_source_empty_username__`.
_MADE_UP = "__"


class CodeArtifactKeyring(backend.KeyringBackend):
    """Asks the program for tokens, and has nothing else."""

    # Above the keyrings of the systems (5), so that none of them is opened first; below the chain of all (10).
    priority = 9.9

    def get_credential(self, service, username):
        """The user name and a token for a URL of CodeArtifact; ``None`` for everything else."""
        if not _LOOKS_OURS.match(service) or (username or "").startswith(_MADE_UP):
            return None
        return _ask(service, username)

    def get_password(self, service, username):
        """A token for a URL of CodeArtifact; ``None`` for everything else."""
        credential = self.get_credential(service, username)
        return credential.password if credential else None

    def set_password(self, service, username, password):
        """Refuses: a token that is kept elsewhere outlives its time."""
        if _LOOKS_OURS.match(service):
            raise errors.PasswordSetError("tokens for CodeArtifact are fetched when needed, none has to be stored")
        raise NotStored("this keyring stores nothing")

    def delete_password(self, service, username):
        """Refuses: nothing is stored."""
        if _LOOKS_OURS.match(service):
            raise errors.PasswordDeleteError("stored tokens are forgotten by `cargo codeartifact logout`")
        raise NotDeleted("this keyring stores nothing")


# What makes the chain of all keyrings go on to the next, and is an error of this library where there is no chain.
class NotStored(errors.PasswordSetError, NotImplementedError):
    """This keyring cannot store a password."""


class NotDeleted(errors.PasswordDeleteError, NotImplementedError):
    """This keyring cannot delete a password."""


class CodeArtifactChain(ChainerBackend):
    """This keyring and all others there are, as the library chains them: for ``keyringrc.cfg``, which names one class."""

    # Nobody's choice but that file's.
    priority = 0.1

    def set_password(self, service, username, password):
        """Lets the first keyring that can store a password do so."""
        for keyring in self.backends:
            try:
                return keyring.set_password(service, username, password)
            except NotImplementedError:
                pass
        # The chain itself would say nothing, and the password would be lost.
        raise errors.PasswordSetError("there is no keyring that stores passwords")


def _ask(service, username):
    program = _program()
    if program is None:
        return None
    command = [program, "keyring", "--mode=creds", "--output=json", "get", service]
    if username:
        command.append(username)
    try:
        # Its messages go where this process's go.
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    except (OSError, ValueError) as error:
        # A value error is a NUL in the service.
        _tell(f"cannot start {program}: {error}")
        return None
    if ran.returncode != 0:
        return None
    try:
        answer = json.loads(ran.stdout)
        return credentials.SimpleCredential(answer["username"], answer["password"])
    except (ValueError, KeyError, TypeError):
        # The error itself may hold what was read.
        _tell(f"{program} did not answer as expected: is it another version?")
        return None


def _program():
    """The program's path: never one in the current folder, which may be anybody's."""
    chosen = os.environ.get(PROGRAM_VARIABLE)
    if chosen:
        if os.path.isabs(chosen):
            return chosen
        _tell(f"{PROGRAM_VARIABLE} is not an absolute path")
        return None
    if CONFIGURED and os.access(CONFIGURED, os.X_OK):
        return CONFIGURED
    name = f"{PROGRAM}.exe" if os.name == "nt" else PROGRAM
    for folder in os.get_exec_path():
        path = os.path.join(folder, name)
        if os.path.isabs(folder) and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    _tell(f"`{PROGRAM}` is not on PATH: put it there, or its absolute path into {PROGRAM_VARIABLE}")
    return None


def _tell(reason):
    print(f"error: {reason}", file=sys.stderr, flush=True)
