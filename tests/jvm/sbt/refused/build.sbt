// One start of sbt for three refusals: each project asks with a token of its own.
def asking(name: String) = Seq(
  crossPaths := false,
  autoScalaLibrary := false,
  managedScalaInstance := false,
  libraryDependencies += "com.acme" % name % "1",
  externalResolvers := Seq(MavenRepository("team", sys.env("TEAM_URL")).withAllowInsecureProtocol(true)),
  credentials += Credentials("AWS CodeArtifact", "127.0.0.1", "aws", sys.env(s"TOKEN_$name")),
)

lazy val root = (project in file(".")).aggregate(unauthorized, forbidden, missing)
lazy val unauthorized = project.settings(asking("unauthorized"))
lazy val forbidden = project.settings(asking("forbidden"))
lazy val missing = project.settings(asking("missing"))
