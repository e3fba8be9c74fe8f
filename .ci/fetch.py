"""Fetches one file each out of pinned npm packages into .ci/vendor, once; no Node needed."""

from __future__ import annotations

import base64
import hashlib
import io
import pathlib
import tarfile
import urllib.request

PACKAGES = [
    (
        "https://registry.npmjs.org/axe-core/-/axe-core-4.14.1.tgz",
        "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
        "package/axe.min.js",
    ),
    (
        "https://registry.npmjs.org/mermaid/-/mermaid-11.17.2.tgz",
        "V6K3C8EBdEsPFZXSKMJe6ppQOENxuHARr9GvHX4hh47lAbhMRD9qf4oEK7LoaRQxULMa80/qt5gHO73aCleBBg==",
        "package/dist/mermaid.min.js",
    ),
]


def main() -> None:
    vendor = pathlib.Path(__file__).parent / "vendor"
    vendor.mkdir(exist_ok=True)
    for address, sha512, member in PACKAGES:
        target = vendor / pathlib.PurePosixPath(member).name
        if target.exists():
            continue
        with urllib.request.urlopen(address, timeout=120) as answer:
            content = answer.read()
        if base64.b64encode(hashlib.sha512(content).digest()).decode() != sha512:
            raise SystemExit(f"{address}: not the file that was pinned")
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            found = archive.extractfile(member)
            assert found is not None
            target.write_bytes(found.read())
        print(f"fetched {target}")


main()
