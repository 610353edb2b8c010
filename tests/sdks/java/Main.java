// The AWS SDK for Java against the service that the environment names.
import java.util.List;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.services.codeartifact.CodeartifactClient;
import software.amazon.awssdk.services.codeartifact.model.*;

class Main {
    static void check(boolean holds, Object what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    public static void main(String[] args) throws Exception {
        var client = CodeartifactClient.builder().httpClient(UrlConnectionHttpClient.create()).build();
        var domain = "java-sdk";
        client.createDomain(it -> it.domain(domain));
        client.createRepository(it -> it.domain(domain).repository("team"));
        var content = "made of iron".getBytes();
        var digest = java.security.MessageDigest.getInstance("SHA-256").digest(content);
        var sha256 = java.util.HexFormat.of().formatHex(digest);
        for (var version : List.of("1.0", "1.1", "1.2")) {
            var published = client.publishPackageVersion(
                it -> it.domain(domain).repository("team").format(PackageFormat.GENERIC).namespace("tools")
                    .packageValue("anvil").packageVersion(version).assetName("anvil.bin").assetSHA256(sha256),
                RequestBody.fromBytes(content));
            check(published.status() == PackageVersionStatus.PUBLISHED, published);
        }
        var versions = client.listPackageVersionsPaginator(
            it -> it.domain(domain).repository("team").format(PackageFormat.GENERIC).namespace("tools")
                .packageValue("anvil").maxResults(1)).versions().stream().map(PackageVersionSummary::version).sorted();
        check(versions.toList().equals(List.of("1.0", "1.1", "1.2")), "other versions");
        var described = client.describePackageVersion(
            it -> it.domain(domain).repository("team").format(PackageFormat.GENERIC).namespace("tools")
                .packageValue("anvil").packageVersion("1.1")).packageVersion();
        check(described.origin().originType() == PackageVersionOriginType.INTERNAL, described);
        check(described.publishedTime() != null, described);
        var asset = client.getPackageVersionAssetAsBytes(
            it -> it.domain(domain).repository("team").format(PackageFormat.GENERIC).namespace("tools")
                .packageValue("anvil").packageVersion("1.1").asset("anvil.bin"));
        check(java.util.Arrays.equals(asset.asByteArray(), content), asset);
        check(asset.response().packageVersion().equals("1.1"), asset);
        var token = client.getAuthorizationToken(it -> it.domain(domain).durationSeconds(900L));
        check(token.authorizationToken().startsWith("eyJ"), "another token");
        try {
            client.describeRepository(it -> it.domain(domain).repository("none"));
            throw new AssertionError("there is no such repository");
        } catch (ResourceNotFoundException error) {
            check(error.resourceType() == ResourceType.REPOSITORY, error);
        }
        try {
            client.createDomain(it -> it.domain(domain));
            throw new AssertionError("there is one already");
        } catch (ConflictException error) {
            System.out.println("the SDK for Java is content");
        }
    }
}
