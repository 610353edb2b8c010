crossPaths := false
autoScalaLibrary := false
libraryDependencies += "com.acme" % "summing" % "1.0.0"
externalResolvers := Seq(MavenRepository("team", sys.env("TEAM_URL")).withAllowInsecureProtocol(true))
credentials += Credentials("AWS CodeArtifact", "127.0.0.1", "aws", sys.env("CODEARTIFACT_AUTH_TOKEN"))
