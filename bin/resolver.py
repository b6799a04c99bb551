# Copyright: contributors to mlops.mlflow
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What requirements come to, with the hashes of the wheels that fit the server image or a client's host: `closure`, called by bin/lock."""

import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import tomllib

# renovate: datasource=pypi depName=uv
UV_VERSION = "0.13.9"
PYTHON = "3.12"
PLATFORMS = ("x86_64-manylinux_2_36", "aarch64-manylinux_2_36")

LOCKS = Path(__file__).resolve().parent.parent / "roles/mlflow/files/locks"
EXCLUDES = LOCKS / "excludes.txt"
# mlflow-oidc-auth's bound on gunicorn is none of ours: it is an ASGI application, which only uvicorn serves.
OVERRIDES = ("gunicorn>=23",)

WHEEL = re.compile(r"-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<platform>[^-]+)\.whl$")
LINUX = re.compile(r"^(any|manylinux[0-9_]*_(x86_64|aarch64)|linux_(x86_64|aarch64))$")


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops.mlflow" / f"lock-uv-{UV_VERSION}"


def uv() -> Path:
    """Path of the pinned uv, installed on first use."""
    place = cache()
    program = place / "bin" / "uv"
    if not program.exists():
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([place / "bin" / "pip", "install", "--quiet", f"uv=={UV_VERSION}"], check=True)
    return program


def fits(filename: str, minor: int) -> bool:
    """Whether CPython 3.`minor` on Linux can install this wheel."""
    tags = WHEEL.search(filename)
    if not tags or not any(LINUX.match(tag) for tag in tags["platform"].split(".")):
        return False
    for python in tags["python"].split("."):
        if python in ("py3", f"py3{minor}", f"cp3{minor}"):
            return True
        stable = re.fullmatch(r"cp3(\d+)", python)
        if stable and tags["abi"] == "abi3" and int(stable[1]) <= minor:
            return True
    return False


def resolve(requirements, constraints, platform: str, python: str, server: bool) -> dict[str, tuple[str, set[str]]]:
    """What `requirements` come to on one platform: name -> (version, hashes of the wheels that fit)."""
    minor = int(python.split(".")[1])
    with tempfile.TemporaryDirectory() as folder:
        wanted, pins, over, lock = (Path(folder) / name for name in ("in.txt", "pins.txt", "over.txt", "pylock.toml"))
        wanted.write_text("\n".join(requirements) + "\n")
        pins.write_text("".join(f"{name}=={version}\n" for name, version in constraints.items()))
        over.write_text("\n".join(OVERRIDES) + "\n")
        subprocess.run(
            [uv(), "pip", "compile", "--quiet", "--no-config", "--no-python-downloads",
             "--only-binary", ":all:", "--python-version", python, "--python-platform", platform,
             *(["--excludes", EXCLUDES, "--overrides", over] if server else []), "--constraints", pins,
             "--format", "pylock.toml", "--output-file", lock, wanted],
            check=True,
        )  # fmt: skip
        packages = tomllib.loads(lock.read_text())["packages"]
    found = {}
    for package in packages:
        # The file name is the last part of the address; the address itself is not kept.
        wheels = {wheel["hashes"]["sha256"] for wheel in package.get("wheels", ()) if fits(wheel["url"].rsplit("/", 1)[-1], minor)}
        if not wheels:
            sys.exit(f"{package['name']} {package['version']} has no wheel for CPython {python} on {platform}.")
        found[package["name"]] = (package["version"], wheels)
    return found


def closure(requirements, constraints=None, python=PYTHON, server=True) -> dict[str, tuple[str, set[str]]]:
    """What `requirements` come to on all platforms together; they must agree. server: without what a tracking server never imports."""
    together = {}
    for platform in PLATFORMS:
        for name, (version, hashes) in resolve(requirements, constraints or {}, platform, python, server).items():
            other = together.setdefault(name, (version, set()))
            if other[0] != version:
                sys.exit(f"{name} is {other[0]} on one platform and {version} on {platform}.")
            other[1].update(hashes)
    return together
