"""Whether a request to AWS is signed as it should be, by botocore's own arithmetic.

The signer under test is ours; the verifier is not: botocore builds the canonical request from what was on the wire
and signs it again. Both have to come to the same signature.

    verify(request, keys, region)   raises `Refused`, with the reason
    altered(request)                every way in which a request that was signed can be changed afterwards
"""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"
CLOCK_SKEW = timedelta(minutes=15)


class Refused(Exception):
    """The signature does not hold."""


@dataclass(frozen=True)
class Keys:
    """What a request is to be signed with."""

    id: str
    secret: str
    session: str | None = None


@dataclass(frozen=True)
class Request:
    """A request as it came: the path with its query as on the wire, every header, the body's bytes."""

    method: str
    path: str
    headers: list
    body: bytes

    def header(self, name):
        """Its value, however its name was written; several are one list (RFC 9110, 5.3)."""
        values = [value for key, value in self.headers if key.lower() == name]
        return ",".join(values) if values else None

    def with_header(self, name, value):
        kept = [[key, old] for key, old in self.headers if key.lower() != name]
        return replace(self, headers=[*kept, [name, value]])


class Wire(SigV4Auth):
    """Signs the headers that the request says are signed, where botocore would choose its own."""

    def __init__(self, keys, region, signed):
        super().__init__(Credentials(keys.id, keys.secret, keys.session), "bedrock", region)
        self.signed = signed

    def headers_to_sign(self, request):
        chosen = HTTPHeaders()
        for name in self.signed:
            chosen[name] = request.headers[name]
        return chosen


def verify(request, keys, region):
    """Raises `Refused` unless `request` is signed with `keys` for Bedrock in `region`, now."""
    form = rf"{ALGORITHM} Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{{64}})"
    found = re.fullmatch(form, request.header("authorization") or "")
    if not found:
        raise Refused("the Authorization header is no signature")
    scope, names, signature = found.groups()
    signed = names.split(";")
    stamp = request.header("x-amz-date") or ""
    if scope != f"{keys.id}/{stamp[:8]}/{region}/bedrock/aws4_request":
        raise Refused(f"it is signed for {scope}")
    if signed != sorted(set(signed)):
        raise Refused("its signed headers are in no order")
    needed = {"host", "x-amz-date", *(["x-amz-security-token"] if keys.session else [])}
    if missing := needed - set(signed):
        raise Refused(f"it does not sign {sorted(missing)}")
    if unknown := [name for name in signed if request.header(name) is None]:
        raise Refused(f"it signs {unknown}, which did not come")
    if request.header("x-amz-security-token") != keys.session:
        raise Refused("its session is another")
    made = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if abs(datetime.now(UTC) - made) > CLOCK_SKEW:
        raise Refused(f"it was signed at {stamp}")
    digest = request.header("x-amz-content-sha256")
    if digest not in (None, hashlib.sha256(request.body).hexdigest()):
        raise Refused("the body is another than its digest says")
    if signature != signature_of(request, keys, region, signed, stamp):
        raise Refused("the signature is another")


def signature_of(request, keys, region, signed, stamp):
    address = f"http://{request.header('host')}{request.path}"
    copy = AWSRequest(request.method, address, data=request.body)
    for name in signed:
        copy.headers[name] = request.header(name)
    copy.context["timestamp"] = stamp
    signer = Wire(keys, region, signed)
    return signer.signature(signer.string_to_sign(copy, signer.canonical_request(copy)), copy)


def altered(request):
    """Names a change and gives the request with it, for each that must be found out."""
    stamp = request.header("x-amz-date")
    day = f"{int(stamp[:8]) - 1}"
    yield "another body", replace(request, body=request.body.replace(b'"max_tokens"', b'"max_tokenz"', 1))
    yield "a longer body", replace(request, body=request.body + b" ")
    yield "no body", replace(request, body=b"")
    yield "another model", replace(request, path=request.path.replace("/invoke", "x/invoke", 1))
    yield "a query", replace(request, path=request.path + "?a=b")
    yield "another method", replace(request, method="PUT")
    yield "another host", request.with_header("host", "evil.example")
    yield "another date", request.with_header("x-amz-date", stamp[:-2] + ("1Z" if stamp[-2] != "1" else "2Z"))
    yield "yesterday", request.with_header("x-amz-date", day + stamp[8:])
    yield "another session", request.with_header("x-amz-security-token", "of-somebody-else")
    authorization = request.header("authorization")
    last = "0" if authorization[-1] != "0" else "1"
    yield "another signature", request.with_header("authorization", authorization[:-1] + last)
    yield "another region", request.with_header("authorization", authorization.replace("us-east-1", "us-west-2"))
    yield "a header less", request.with_header("authorization", authorization.replace("host;", "", 1))
    yield "no signature", request.with_header("authorization", "Bearer of-somebody-else")
