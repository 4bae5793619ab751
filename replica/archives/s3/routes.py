"""Read-only S3: objects with Range, HEAD, listings, and S3's own error documents.

After the Amazon S3 API reference: GetObject, HeadObject, ListObjects, ListObjectsV2,
HeadBucket, GetBucketLocation, conditional requests, OPTIONS object, and "Error responses".
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from replica.archives.s3.documents import error, request_ids
from replica.archives.s3.listings import answer_bucket
from replica.archives.s3.objects import answer_object
from replica.holdings import buckets, select

_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]
#: Parts of a bucket or object that have a right of their own, which visitors do not have.
_CLOSED = frozenset(
    {
        *("accelerate", "acl", "analytics", "attributes", "cors", "encryption"),
        *("intelligent-tiering", "inventory", "legal-hold", "lifecycle", "logging", "metrics"),
        *("notification", "object-lock", "ownershipControls", "policy", "policyStatus"),
        *("publicAccessBlock", "replication", "requestPayment", "retention", "tagging"),
        *("torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website"),
    }
)


async def _virtual_hosted(request: Request) -> Response:
    return await _identified(request, request.path_params["bucket"], request.path_params["key"])


async def _path_style(request: Request) -> Response:
    bucket, _, key = request.path_params["path"].partition("/")
    return await _identified(request, bucket, key)


async def _identified(request: Request, bucket: str, key: str) -> Response:
    """Answer with the headers that every answer of S3 has."""
    answer = await _answer(request, bucket, key)
    if "x-amz-request-id" not in answer.headers:
        answer.headers.update(request_ids())
    if bucket in buckets():
        answer.headers["x-amz-bucket-region"] = buckets()[bucket]
    return answer


async def _answer(request: Request, bucket: str, key: str) -> Response:
    resource = f"/{bucket}/{key}"
    if bucket and bucket not in buckets():
        message = "The specified bucket does not exist"
        return error(404, "NoSuchBucket", message, resource, BucketName=bucket)
    if request.method == "OPTIONS":
        return _preflight(request, resource)
    closed = _CLOSED & set(request.query_params)
    if not bucket or closed or request.method not in ("GET", "HEAD"):
        return error(403, "AccessDenied", "Access Denied", resource)
    if not key:
        return await answer_bucket(request, bucket)
    return await _object(request, bucket, key)


def _preflight(request: Request, resource: str) -> Response:
    """Tell a browser that asks first that the bucket has no rules for it."""
    if "origin" not in request.headers:
        message = "Insufficient information. Origin request header needed."
        return error(400, "BadRequest", message, resource)
    if "access-control-request-method" not in request.headers:
        message = "Invalid Access-Control-Request-Method: null"
        return error(400, "BadRequest", message, resource)
    message = "CORSResponse: CORS is not enabled for this bucket."
    facts = {"Method": "OPTIONS", "ResourceType": "BUCKET"}
    return error(403, "AccessForbidden", message, resource, **facts)


async def _object(request: Request, bucket: str, key: str) -> Response:
    products = select(bucket=bucket, key=key)
    if not products:
        message = "The specified key does not exist."
        return error(404, "NoSuchKey", message, f"/{bucket}/{key}", Key=key)
    unsigned = "authorization" not in request.headers
    if unsigned and any(name.startswith("response-") for name in request.query_params):
        message = "Request specific response headers cannot be used for anonymous GET requests."
        return error(400, "InvalidRequest", message, f"/{bucket}/{key}")
    return await answer_object(request, products[0])


#: Host patterns to routes: virtual-hosted and path-style addresses, with and without region.
ROUTES: dict[str, list[BaseRoute]] = {
    **{
        host: [Route("/{path:path}", _path_style, methods=_METHODS)]
        for host in ("s3.amazonaws.com", "s3.{region}.amazonaws.com")
    },
    **{
        f"{{bucket}}.{host}": [Route("/{key:path}", _virtual_hosted, methods=_METHODS)]
        for host in ("s3.amazonaws.com", "s3.{region}.amazonaws.com")
    },
}
