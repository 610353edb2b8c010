organization := "com.acme"
name := "summing"
version := "1.0.0"
// No Scala in it, so it is named without its version.
crossPaths := false
autoScalaLibrary := false
Compile / packageDoc / publishArtifact := false
// Its POM has a parent, and that has one.
libraryDependencies += "commons-cli" % "commons-cli" % "1.5.0"

// Without the variable it asks where sbt does by itself.
val team = sys.env.get("TEAM_URL").map(MavenRepository("team", _).withAllowInsecureProtocol(true))
externalResolvers := team.map(Seq(_)).getOrElse(externalResolvers.value)
publishTo := team
// What is there already is refused by the service, not by sbt.
publishConfiguration := publishConfiguration.value.withOverwrite(true)
credentials += Credentials("AWS CodeArtifact", "127.0.0.1", "aws", sys.env.getOrElse("CODEARTIFACT_AUTH_TOKEN", ""))
