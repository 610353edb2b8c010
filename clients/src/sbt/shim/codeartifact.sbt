// written by `cargo codeartifact configure`; `--undo` takes it back
//
// Gives the repositories of AWS CodeArtifact their token, for every build of this user. Repositories are known by their
// URL; the credential helper decides which are CodeArtifact's.

credentials ++= {
  val log = streams.value.log
  val named = externalResolvers.value ++ publishTo.value
  val urls = named.collect { case repository: MavenRepository => repository.root }.distinct
  // Only saves starting the helper for everybody's repositories.
  def mayBeOurs(url: String): Boolean =
    scala.util.Try(Option(new java.net.URI(url).getHost)).toOption.flatten.exists { host =>
      host.contains(".codeartifact.") || host == "127.0.0.1" || host == "[::1]"
    }
  // sbt sends credentials where their realm is that of the challenge: AWS names the domain and the repository, the
  // embedded service itself.
  def realms(url: String): Seq[String] = {
    val names = "([a-z][a-z0-9-]*)-[0-9]{12}(?:\\.|/maven/).*?([^/]+)/?$".r
    "AWS CodeArtifact" +: names.findFirstMatchIn(url).map(found => s"${found.group(1)}/${found.group(2)}").toSeq
  }
  def ask(url: String): Seq[Credentials] = {
    val (answer, reason) = (new StringBuilder, new StringBuilder)
    val heard = scala.sys.process.ProcessLogger(line => answer.append(line), line => reason.append(line).append('\n'))
    val helper = scala.sys.process.Process(Seq("codeartifact-credential-helper", "netrc", url))
    val code = try helper.!(heard) catch { case e: java.io.IOException => reason.append(e.getMessage); 1 }
    if (code != 0) log.error(s"no CodeArtifact token for $url: ${reason.toString.trim}")
    // `machine HOST login aws password TOKEN`, or nothing.
    answer.toString.split(' ') match {
      case Array("machine", host, "login", user, "password", token) if code == 0 =>
        realms(url).map(Credentials(_, host, user, token))
      case _ => Nil
    }
  }
  if (offline.value) Nil else urls.filter(mayBeOurs).flatMap(ask)
}
