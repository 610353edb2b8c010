// The AWS SDK for JavaScript against the service that the environment names.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  CodeartifactClient, ConflictException, CreateDomainCommand, CreateRepositoryCommand, DescribePackageVersionCommand,
  DescribeRepositoryCommand, GetAuthorizationTokenCommand, GetPackageVersionAssetCommand,
  PublishPackageVersionCommand, ResourceNotFoundException, paginateListPackageVersions,
} from "@aws-sdk/client-codeartifact";

const client = new CodeartifactClient();
const domain = "javascript-sdk";
await client.send(new CreateDomainCommand({ domain }));
await client.send(new CreateRepositoryCommand({ domain, repository: "team" }));
const of = { domain, repository: "team", format: "generic", namespace: "tools", package: "anvil" };
const content = Buffer.from("made of iron");
for (const packageVersion of ["1.0", "1.1", "1.2"]) {
  const published = await client.send(new PublishPackageVersionCommand({
    ...of, packageVersion, assetName: "anvil.bin", assetContent: content,
    assetSHA256: createHash("sha256").update(content).digest("hex"),
  }));
  assert.equal(published.status, "Published");
}
const versions = [];
for await (const page of paginateListPackageVersions({ client, pageSize: 1 }, of)) {
  versions.push(...page.versions.map((version) => version.version));
}
assert.deepEqual(versions.sort(), ["1.0", "1.1", "1.2"]);
const described = await client.send(new DescribePackageVersionCommand({ ...of, packageVersion: "1.1" }));
assert.equal(described.packageVersion.origin.originType, "INTERNAL");
assert(described.packageVersion.publishedTime instanceof Date);
const asset = await client.send(new GetPackageVersionAssetCommand({ ...of, packageVersion: "1.1", asset: "anvil.bin" }));
assert.equal(await asset.asset.transformToString(), content.toString());
assert.equal(asset.packageVersion, "1.1");
const token = await client.send(new GetAuthorizationTokenCommand({ domain, durationSeconds: 900 }));
assert(token.authorizationToken.startsWith("eyJ"));
assert(token.expiration instanceof Date);
await assert.rejects(client.send(new DescribeRepositoryCommand({ domain, repository: "none" })), (error) => {
  assert(error instanceof ResourceNotFoundException);
  assert.equal(error.resourceType, "repository");
  return true;
});
await assert.rejects(client.send(new CreateDomainCommand({ domain })), (error) => error instanceof ConflictException);
console.log("the SDK for JavaScript is content");
