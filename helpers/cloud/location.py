"""The place of a product: an object in a bucket, or a file on the archive's own servers."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from helpers.cloud.access_column import ACCESS
from helpers.cloud.url_rules import REGION_NAME
from helpers.cloud.validation import require, require_bucket, require_key, require_web_address

#: Provider of a location that no cloud has: the archive's own servers.
ON_PREMISES = "on-premises"


@dataclass(frozen=True, eq=False)
class CloudLocation:
    """Where a product is kept.  Equal locations name the same object: the same `uri`.

    Attributes
    ----------
    provider : str
        ``"aws"``, or ``"on-premises"`` where no cloud copy is known.
    bucket, key : str
        The object in the store; both empty on premises.
    region : str
        Region of the bucket, for instance ``us-east-1``; empty if not known.
    access : {"open", "region", "restricted", "none"}
        Who may read: anyone, those who compute in the region, those with credentials;
        ``"none"`` on premises.
    url : str
        The archive's own URL; only on premises.

    Raises
    ------
    CloudLocationError
        If a part breaks S3's naming rules, or the key could leave its bucket: ``.`` or ``..``
        segments, a leading slash, control characters, more than 1024 bytes.
    """

    provider: str
    bucket: str
    key: str
    region: str = ""
    access: str = "open"
    url: str = ""

    def __post_init__(self) -> None:
        if self.provider == ON_PREMISES:
            require(not self.bucket and not self.key, "no bucket on premises", self.bucket)
            require_web_address(self.url)
            return
        require(self.provider == "aws", "a provider other than aws", self.provider)
        require(not self.url, "a URL belongs to on-premises locations only", self.url)
        require_bucket(self.bucket)
        require(not self.region or REGION_NAME.fullmatch(self.region), "not a region", self.region)
        require(self.access in ACCESS, f"access is none of {', '.join(ACCESS)}", self.access)
        require_key(self.key)

    @property
    def in_cloud(self) -> bool:
        """Whether this is a cloud copy rather than a file on the archive's own servers."""
        return self.provider != ON_PREMISES

    @property
    def uri(self) -> str:
        """Address for s3fs, boto3 and astropy: ``s3://bucket/key``; on premises the URL."""
        return f"s3://{self.bucket}/{self.key}" if self.in_cloud else self.url

    @property
    def https_url(self) -> str:
        """Address for any HTTP client; on premises the archive's URL as it was given.

        A bucket with a dot goes into the path, because S3's certificate covers one label
        before its own name (Amazon S3 user guide, "Virtual hosting of buckets").
        """
        if not self.in_cloud:
            return self.url
        endpoint = f"s3.{self.region}.amazonaws.com" if self.region else "s3.amazonaws.com"
        if "." in self.bucket:
            return f"https://{endpoint}/{self.bucket}/{quote(self.key)}"
        return f"https://{self.bucket}.{endpoint}/{quote(self.key)}"

    def __eq__(self, other: object) -> bool:
        return self.uri == other.uri if isinstance(other, CloudLocation) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.uri)
