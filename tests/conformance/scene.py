"""A furnished domain, and a right input for every operation, with as many members as go together."""

import hashlib
import itertools
import json
import struct

ACCOUNT = "111122223333"
CONTENT = b"content of an asset\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TAGS = [{"key": "team", "value": "platform"}]


class Scene:
    """What inputs are made of. Each input has things of its own, so that none disturbs another."""

    def __init__(self, wire):
        self.wire = wire
        self._numbers = itertools.count(1)
        self.domain = {"domain": "conformance", "domainOwner": ACCOUNT}
        self.domain_arn = self.call("CreateDomain", domain="conformance")["domain"]["arn"]
        self.team = self.repository()
        self.cargo = self._crate()

    def call(self, name, **params):
        return self.wire.call(name, **params)

    def unique(self, word):
        return f"{word}-{next(self._numbers)}"

    def repository(self):
        params = {**self.domain, "repository": self.unique("repository")}
        self.call("CreateRepository", **params)
        return params

    def package(self):
        """A generic package with one version, and that version's revision."""
        package = {**self.team, "format": "generic", "namespace": "tools", "package": self.unique("package")}
        self.call("PublishPackageVersion", **package, **self.asset())
        version = self.call("DescribePackageVersion", **package, packageVersion="1.0")["packageVersion"]
        return package, version["revision"]

    def asset(self):
        return {"packageVersion": "1.0", "assetName": "asset.bin", "assetContent": CONTENT, "assetSHA256": SHA256}

    def version(self):
        package, _ = self.package()
        return {**package, "packageVersion": "1.0"}

    def versions(self):
        """One version in a list, as those operations take it that change several."""
        package, revision = self.package()
        return {
            **package, "versions": ["1.0"], "versionRevisions": {"1.0": revision}, "expectedStatus": "Published",
        }

    def group(self):
        params = {**self.domain, "packageGroup": f"/npm/{self.unique('scope')}/*"}
        self.call("CreatePackageGroup", **params)
        return params

    def restricted_group(self):
        group = self.group()
        self.call(
            "UpdatePackageGroupOriginConfiguration", **group,
            restrictions={"PUBLISH": "ALLOW_SPECIFIC_REPOSITORIES"},
            addAllowedRepositories=[self.allowed(self.team)],
        )
        return group

    def allowed(self, repository):
        return {"repositoryName": repository["repository"], "originRestrictionType": "PUBLISH"}

    def connected(self):
        params = {**self.repository(), "externalConnection": "public:npmjs"}
        self.call("AssociateExternalConnection", **params)
        return params

    def upstreams(self):
        return [{"repositoryName": self.team["repository"]}]

    def policy(self, resource):
        statement = {
            "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "codeartifact:ReadFromRepository", "Resource": "*",
        }
        if resource == "Domain":
            statement["Action"] = "codeartifact:GetAuthorizationToken"
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def with_policy(self, resource):
        """A domain or repository that has a policy, and the revision of that."""
        if resource == "Domain":
            params = {"domain": self.unique("domain"), "domainOwner": ACCOUNT}
            self.call("CreateDomain", domain=params["domain"])
        else:
            params = self.repository()
        put = self.call(f"Put{resource}PermissionsPolicy", **params, policyDocument=self.policy(resource))
        return params, put["policy"]["revision"]

    def _crate(self):
        """A crate, pushed as cargo does: it has a readme, which generic packages have not."""
        repository = self.repository()
        token = self.call("GetAuthorizationToken", **self.domain)["authorizationToken"]
        url = self.call("GetRepositoryEndpoint", **repository, format="cargo")["repositoryEndpoint"]
        dependency = {
            "name": "other", "version_req": "^1", "features": [], "optional": False, "default_features": True,
            "target": None, "kind": "normal", "registry": None, "explicit_name_in_toml": None,
        }
        document = json.dumps({
            "name": "demo", "vers": "1.0.0", "deps": [dependency], "features": {}, "readme": "# Demo",
            "description": "A demo", "license": "MIT", "homepage": "https://demo.example",
        }).encode()
        body = struct.pack("<I", len(document)) + document + struct.pack("<I", len(CONTENT)) + CONTENT
        self.wire.put(f"{url}api/v1/crates/new", body, token)
        return {**repository, "format": "cargo", "package": "demo", "packageVersion": "1.0.0"}


def _without(params, *names):
    return {name: value for name, value in params.items() if name not in names}


def _with_revision(scene, resource):
    params, revision = scene.with_policy(resource)
    return {**params, "policyRevision": revision}


def _put_policy(scene, resource):
    return {**_with_revision(scene, resource), "policyDocument": scene.policy(resource)}


def _asset(scene):
    package, revision = scene.package()
    return {**package, "packageVersion": "1.0", "asset": "asset.bin", "packageVersionRevision": revision}


def _new_domain(scene):
    params = {"domain": scene.unique("domain"), "domainOwner": ACCOUNT}
    scene.call("CreateDomain", domain=params["domain"])
    return params


def _tagged(scene):
    scene.call("TagResource", resourceArn=scene.domain_arn, tags=TAGS)
    return {"resourceArn": scene.domain_arn, "tagKeys": ["team"]}


PAGE = {"maxResults": 2}

INPUTS = {
    "AssociateExternalConnection": lambda s: {**s.repository(), "externalConnection": "public:npmjs"},
    "CopyPackageVersions": lambda s: {
        **_without(s.package()[0], "repository"), "sourceRepository": s.team["repository"],
        "destinationRepository": s.repository()["repository"], "versions": ["1.0"], "allowOverwrite": True,
        "includeFromUpstream": False,
    },
    "CreateDomain": lambda s: {"domain": s.unique("domain"), "encryptionKey": KEY, "tags": TAGS},
    "CreatePackageGroup": lambda s: {
        **s.domain, "packageGroup": f"/npm/{s.unique('scope')}/*", "contactInfo": "team@corp.example",
        "description": "A group", "tags": TAGS,
    },
    "CreateRepository": lambda s: {
        **s.domain, "repository": s.unique("repository"), "description": "A repository", "upstreams": s.upstreams(),
        "tags": TAGS,
    },
    "DeleteDomain": _new_domain,
    "DeleteDomainPermissionsPolicy": lambda s: _with_revision(s, "Domain"),
    "DeletePackage": lambda s: s.package()[0],
    "DeletePackageGroup": lambda s: s.group(),
    "DeletePackageVersions": lambda s: _without(s.versions(), "versionRevisions"),
    "DeleteRepository": lambda s: s.repository(),
    "DeleteRepositoryPermissionsPolicy": lambda s: _with_revision(s, "Repository"),
    "DescribeDomain": lambda s: s.domain,
    "DescribePackage": lambda s: s.package()[0],
    "DescribePackageGroup": lambda s: s.restricted_group(),
    "DescribePackageVersion": lambda s: s.cargo,
    "DescribeRepository": lambda s: _without(s.connected(), "externalConnection"),
    "DisassociateExternalConnection": lambda s: s.connected(),
    "DisposePackageVersions": lambda s: s.versions(),
    "GetAssociatedPackageGroup": lambda s: {**s.domain, "format": "npm", "namespace": "scope", "package": "name"},
    "GetAuthorizationToken": lambda s: {**s.domain, "durationSeconds": 900},
    "GetDomainPermissionsPolicy": lambda s: s.with_policy("Domain")[0],
    "GetPackageVersionAsset": _asset,
    "GetPackageVersionReadme": lambda s: s.cargo,
    "GetRepositoryEndpoint": lambda s: {**s.team, "format": "npm", "endpointType": "ipv4"},
    "GetRepositoryPermissionsPolicy": lambda s: s.with_policy("Repository")[0],
    "ListAllowedRepositoriesForGroup": lambda s: {
        **s.restricted_group(), "originRestrictionType": "PUBLISH", **PAGE,
    },
    "ListAssociatedPackages": lambda s: {**s.domain, "packageGroup": "/*", "preview": False, **PAGE},
    "ListDomains": lambda s: {**PAGE},
    "ListPackageGroups": lambda s: {**s.domain, "prefix": "/", **PAGE},
    "ListPackageVersionAssets": lambda s: {**s.version(), **PAGE},
    "ListPackageVersionDependencies": lambda s: s.cargo,
    "ListPackageVersions": lambda s: {
        **s.package()[0], "status": "Published", "sortBy": "PUBLISHED_TIME", "originType": "INTERNAL", **PAGE,
    },
    "ListPackages": lambda s: {
        **_without(s.package()[0], "package"), "packagePrefix": "pack", "publish": "ALLOW", "upstream": "BLOCK",
        **PAGE,
    },
    "ListRepositories": lambda s: {"repositoryPrefix": "repo", **PAGE},
    "ListRepositoriesInDomain": lambda s: {
        **s.domain, "administratorAccount": ACCOUNT, "repositoryPrefix": "repo", **PAGE,
    },
    "ListSubPackageGroups": lambda s: {**s.domain, "packageGroup": "/*", **PAGE},
    "ListTagsForResource": lambda s: {"resourceArn": _tagged(s)["resourceArn"]},
    "PublishPackageVersion": lambda s: {
        **s.package()[0], **s.asset(), "packageVersion": "2.0", "unfinished": True,
    },
    "PutDomainPermissionsPolicy": lambda s: _put_policy(s, "Domain"),
    "PutPackageOriginConfiguration": lambda s: {
        **s.package()[0], "restrictions": {"publish": "ALLOW", "upstream": "BLOCK"},
    },
    "PutRepositoryPermissionsPolicy": lambda s: _put_policy(s, "Repository"),
    "TagResource": lambda s: {"resourceArn": s.domain_arn, "tags": TAGS},
    "UntagResource": _tagged,
    "UpdatePackageGroup": lambda s: {**s.group(), "contactInfo": "team@corp.example", "description": "A group"},
    "UpdatePackageGroupOriginConfiguration": lambda s: {
        **s.group(), "restrictions": {"PUBLISH": "ALLOW_SPECIFIC_REPOSITORIES"},
        "addAllowedRepositories": [s.allowed(s.team)],
    },
    "UpdatePackageVersionsStatus": lambda s: {**s.versions(), "targetStatus": "Unlisted"},
    "UpdateRepository": lambda s: {**s.repository(), "description": "Another", "upstreams": s.upstreams()},
}
