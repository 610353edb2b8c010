// The AWS SDK for Go against the service that the environment names.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func check(holds bool, what ...any) {
	if !holds {
		log.Fatal(what...)
	}
}

func main() {
	ctx := context.Background()
	client := codeartifact.NewFromConfig(must(config.LoadDefaultConfig(ctx)))
	domain, team, space, anvil := aws.String("go-sdk"), aws.String("team"), aws.String("tools"), aws.String("anvil")
	must(client.CreateDomain(ctx, &codeartifact.CreateDomainInput{Domain: domain}))
	must(client.CreateRepository(ctx, &codeartifact.CreateRepositoryInput{Domain: domain, Repository: team}))
	content := []byte("made of iron")
	digest := sha256.Sum256(content)
	for _, version := range []string{"1.0", "1.1", "1.2"} {
		published := must(client.PublishPackageVersion(ctx, &codeartifact.PublishPackageVersionInput{
			Domain: domain, Repository: team, Format: types.PackageFormatGeneric, Namespace: space, Package: anvil,
			PackageVersion: aws.String(version), AssetName: aws.String("anvil.bin"),
			AssetContent: bytes.NewReader(content), AssetSHA256: aws.String(hex.EncodeToString(digest[:])),
		}))
		check(published.Status == types.PackageVersionStatusPublished, published.Status)
	}
	var versions []string
	pages := codeartifact.NewListPackageVersionsPaginator(client, &codeartifact.ListPackageVersionsInput{
		Domain: domain, Repository: team, Format: types.PackageFormatGeneric, Namespace: space, Package: anvil,
		MaxResults: aws.Int32(1),
	})
	for pages.HasMorePages() {
		for _, version := range must(pages.NextPage(ctx)).Versions {
			versions = append(versions, *version.Version)
		}
	}
	slices.Sort(versions)
	check(slices.Equal(versions, []string{"1.0", "1.1", "1.2"}), versions)
	described := must(client.DescribePackageVersion(ctx, &codeartifact.DescribePackageVersionInput{
		Domain: domain, Repository: team, Format: types.PackageFormatGeneric, Namespace: space, Package: anvil,
		PackageVersion: aws.String("1.1"),
	})).PackageVersion
	check(described.Origin.OriginType == types.PackageVersionOriginTypeInternal, described.Origin)
	check(described.PublishedTime != nil, "no time")
	asset := must(client.GetPackageVersionAsset(ctx, &codeartifact.GetPackageVersionAssetInput{
		Domain: domain, Repository: team, Format: types.PackageFormatGeneric, Namespace: space, Package: anvil,
		PackageVersion: aws.String("1.1"), Asset: aws.String("anvil.bin"),
	}))
	check(bytes.Equal(must(io.ReadAll(asset.Asset)), content), "other content")
	token := must(client.GetAuthorizationToken(ctx, &codeartifact.GetAuthorizationTokenInput{
		Domain: domain, DurationSeconds: aws.Int64(900),
	}))
	check(strings.HasPrefix(*token.AuthorizationToken, "eyJ"), "another token")
	_, err := client.DescribeRepository(ctx, &codeartifact.DescribeRepositoryInput{
		Domain: domain, Repository: aws.String("none"),
	})
	var missing *types.ResourceNotFoundException
	check(errors.As(err, &missing) && missing.ResourceType == types.ResourceTypeRepository, err)
	_, err = client.CreateDomain(ctx, &codeartifact.CreateDomainInput{Domain: domain})
	var conflict *types.ConflictException
	check(errors.As(err, &conflict), err)
	fmt.Println("the SDK for Go is content")
}
