"""Takes one file each out of pinned npm packages into .ci/vendor, once. `npm pack` brings them."""

from __future__ import annotations

import base64
import hashlib
import io
import pathlib
import subprocess
import tarfile
import tempfile

PACKAGES = [
    (
        "axe-core@4.14.1",
        "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
        "package/axe.min.js",
    ),
    (
        "mermaid@11.17.2",
        "V6K3C8EBdEsPFZXSKMJe6ppQOENxuHARr9GvHX4hh47lAbhMRD9qf4oEK7LoaRQxULMa80/qt5gHO73aCleBBg==",
        "package/dist/mermaid.min.js",
    ),
]


def packed(package: str) -> bytes:
    """The package's archive, by npm."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, package]
        subprocess.run(command, check=True, timeout=300, stdout=subprocess.DEVNULL)
        (archive,) = pathlib.Path(folder).iterdir()
        return archive.read_bytes()


def main() -> None:
    vendor = pathlib.Path(__file__).parent / "vendor"
    vendor.mkdir(exist_ok=True)
    for package, sha512, member in PACKAGES:
        target = vendor / pathlib.PurePosixPath(member).name
        if target.exists():
            continue
        content = packed(package)
        if base64.b64encode(hashlib.sha512(content).digest()).decode() != sha512:
            raise SystemExit(f"{package}: not the file that was pinned")
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            found = archive.extractfile(member)
            assert found is not None
            target.write_bytes(found.read())
        print(f"fetched {target}")


main()
