//! The two operations that move an asset's bytes.

use codeartifact::PackageFormat;
use hyper::{Response, header};
use serde_json::{Value, json};

use super::{
    answer,
    call::{Call, NamedPackage},
    validate,
};
use crate::{
    assets::{Digest, Upload, UploadError},
    failure::{Failure, ResourceKind},
    formats,
    http::{Payload, PayloadError, Reply, header_text, header_value},
    state::{Asset, GenericAsset},
};

/// Bytes of one asset: the service's quota.
const ASSET: u64 = 5 << 30;

/// `PublishPackageVersion`: generic packages only. The bytes stream to the disk; their digest must be the announced.
pub(super) async fn publish(call: &mut Call, payload: &mut Payload) -> Result<Value, Failure> {
    let repository = call.repository()?;
    if call.format()? != PackageFormat::Generic {
        return Err(Failure::other("PublishPackageVersion publishes generic packages only"));
    }
    let named = call.package()?;
    let version = call.version()?;
    let asset = validate::generic_asset_name(call.required("asset")?)?;
    let unfinished = call.flag("unfinished")?;
    let announced: Digest = header_text(&call.headers, "x-amz-content-sha256")
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Failure::field("the header x-amz-content-sha256 must be 64 lowercase hexadecimal digits"))?;
    call.state.repository(&repository)?;

    let too_large =
        || Failure::quota(ResourceKind::Asset, asset.as_str(), format!("an asset has {ASSET} bytes at most"));
    if payload.announced().is_some_and(|size| size > ASSET) {
        return Err(too_large());
    }
    let mut upload = Upload::new(&call.service.assets);
    while let Some(bytes) = payload.next().await.map_err(broken)? {
        upload.push(bytes).await.map_err(|error| not_kept(&error))?;
        if upload.size() > ASSET {
            return Err(too_large());
        }
    }
    let pin = upload.keep(repository.domain.clone(), Some(announced)).await.map_err(|error| not_kept(&error))?;

    let stored = Asset { name: asset, size: pin.size(), digests: pin.digests().clone() };
    let new = GenericAsset {
        package: named.key.clone(),
        name: named.name.clone(),
        version,
        asset: stored.clone(),
        unfinished,
    };
    let published = call.apply(move |draft| draft.publish_generic(&repository, &new)).await?;
    // Only now may the asset be collected, should another request have deleted the version meanwhile.
    drop(pin);
    let mut members = answer::version_coordinate(&named, &published);
    members["status"] = json!(published.status.as_str());
    members["asset"] = answer::asset(&stored);
    Ok(members)
}

fn broken(error: PayloadError) -> Failure {
    Failure::other(error.to_string())
}

fn not_kept(error: &UploadError) -> Failure {
    match error {
        UploadError::OtherContent { .. } => Failure::other(error.to_string()),
        UploadError::Storage(source) => Failure::storage(source),
    }
}

/// `GetPackageVersionAsset`: the bytes, and what they are in three headers.
/// An asset that is awaited is fetched first.
pub(super) async fn get_asset(call: &Call) -> Result<Reply, Failure> {
    let named = call.package()?;
    let text = call.version()?;
    let name = validate::asset_name(call.required("asset")?)?;
    let revision = call.query.get("revision").map(|text| validate::revision("revision", text)).transpose()?;
    let version = named.find_version(&call.state, &text)?;
    if let Some(revision) = revision
        && revision != version.revision
    {
        // The model allows this error here and does not say when; a conflict tells the caller to look again.
        let message = format!("current revision: {}, expected revision: {revision}", version.revision);
        return Err(Failure::conflict(ResourceKind::PackageVersion, text, message));
    }
    let brought;
    let (version, asset) = match version.asset(&name) {
        Some(asset) if version.status.downloadable() => (version, asset),
        _ => {
            let NamedPackage { repository, key, name: package, .. } = &named;
            brought = formats::awaited(&call.service, repository, key, package, version, &name).await?;
            let absent = || Failure::not_found(ResourceKind::Asset, name.as_str());
            (&brought, brought.asset(&name).ok_or_else(absent)?)
        }
    };
    let body = formats::asset_body(&call.service, &named.repository.domain, asset, 0, asset.size)?;
    let mut reply = Response::new(body);
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/octet-stream"));
    headers.insert("x-assetname", header_value(&asset.name));
    headers.insert("x-packageversion", header_value(&version.version));
    headers.insert("x-packageversionrevision", header_value(&version.revision));
    Ok(reply)
}
