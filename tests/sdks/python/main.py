"""The AWS SDK for Python against the service that the environment names."""

import hashlib

import boto3
from botocore.exceptions import ClientError

client = boto3.client("codeartifact")
client.create_domain(domain="python-sdk")
client.create_repository(domain="python-sdk", repository="team")
package = {"domain": "python-sdk", "repository": "team", "format": "generic", "namespace": "tools", "package": "anvil"}
content = b"made of iron"
for version in ("1.0", "1.1", "1.2"):
    published = client.publish_package_version(
        **package, packageVersion=version, assetName="anvil.bin", assetContent=content,
        assetSHA256=hashlib.sha256(content).hexdigest(),
    )
    assert published["status"] == "Published", published
pages = client.get_paginator("list_package_versions").paginate(**package, PaginationConfig={"PageSize": 1})
versions = [version["version"] for page in pages for version in page["versions"]]
assert sorted(versions) == ["1.0", "1.1", "1.2"], versions
described = client.describe_package_version(**package, packageVersion="1.1")["packageVersion"]
assert described["origin"]["originType"] == "INTERNAL", described
assert described["publishedTime"].tzinfo is not None, described
asset = client.get_package_version_asset(**package, packageVersion="1.1", asset="anvil.bin")
assert asset["asset"].read() == content and asset["packageVersion"] == "1.1", asset
token = client.get_authorization_token(domain="python-sdk", durationSeconds=900)
assert token["authorizationToken"].startswith("eyJ")
try:
    client.describe_repository(domain="python-sdk", repository="none")
    raise AssertionError("there is no such repository")
except client.exceptions.ResourceNotFoundException as error:
    assert error.response["resourceType"] == "repository" and error.response["resourceId"] == "none", error.response
try:
    client.create_domain(domain="python-sdk")
    raise AssertionError("there is one already")
except ClientError as error:
    assert error.response["Error"]["Code"] == "ConflictException", error.response
print("the SDK for Python is content")
