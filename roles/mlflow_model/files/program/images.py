#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One image for each version of a model: its own environment, and its files. Standard library only; runs on the host.

The environment is installed in a container that is lent index, proxies and certificates as mounts, and kept with `docker commit`: none of them is in
a layer, with any Engine. Versions with the same requirements share one environment, so that the next version costs seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
import subprocess
import tempfile

import registry

CONFIG = pathlib.Path("/etc/mlflow-model")
LOGS = pathlib.Path("/var/log/mlflow-model")
MODEL, ENVIRONMENT = "io.mlops.mlflow.model", "io.mlops.mlflow.model.environment"
# What the scoring server itself needs, in whichever version fits the model.
SERVING = CONFIG / "image" / "serving.txt"


def docker(*words):
    """The output of docker. Raises Refused with what it said."""
    done = subprocess.run(["docker", *map(str, words)], check=False, text=True, capture_output=True)
    if done.returncode:
        raise registry.Refused(f"docker {words[0]}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    return done.stdout.strip()


def there(image):
    return subprocess.run(["docker", "image", "inspect", image], check=False, capture_output=True).returncode == 0


def requirements(model):
    """What a model needs, as requirements.txt has it. The full mlflow package holds a tracking server: mlflow-skinny of the same version scores as well."""
    file = model / "requirements.txt"
    if not (model / "MLmodel").is_file() or not file.is_file():
        raise registry.Refused("it has no MLmodel or no requirements.txt: it was not logged by MLflow")
    lines = [line.split(" #")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
    return [re.sub(r"^mlflow(\[[^]]*\])?(?=\s*([=<>~!;@]|$))", "mlflow-skinny", line) for line in lines if line and not line.startswith("#")]


def environment(config, wanted):
    """The image of an environment, made where it is not there."""
    text = "".join(line + "\n" for line in sorted(wanted)) + SERVING.read_text(encoding="utf-8")
    digest = hashlib.sha256("\n".join([config["release"], config["base"], text]).encode()).hexdigest()[:12]
    image, name, log = f"mlflow-model-environment:{digest}", f"mlflow-model-build-{digest}", LOGS / f"build-{digest}.log"
    if there(image):
        return image, digest
    LOGS.mkdir(mode=0o750, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=registry.STATE) as folder:
        pathlib.Path(folder, "requirements.txt").write_text(text, encoding="utf-8")
        mounts = [f"{CONFIG}/image:/build:ro", f"{folder}:/wanted:ro", f"{CONFIG}/secrets/build.env:/run/secrets/environment:ro"]
        mounts += [f"{path}:/run/secrets/{name}:ro" for name, path in config["trust"].items() if path and os.path.exists(path)]
        command = ["docker", "run", "--name", name, "--userns=host"] + [word for mount in mounts for word in ("--volume", mount)]
        subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True)
        try:
            with open(log, "w", encoding="utf-8") as said:
                status = subprocess.run([*command, config["base"], "sh", "/build/install.sh"], check=False, stdout=said, stderr=said).returncode
            if status:
                last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
                raise registry.Refused(f"its environment cannot be built: {' '.join(last)} (log: {log})")
            docker("commit", "--change", f"LABEL {ENVIRONMENT}={digest}", name, image)
        finally:
            subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True)
    return image, digest


def build(config, entry, found, server):
    """The image of a version, made once."""
    known = hashlib.sha256("\n".join([config["release"], config["base"], found["source"]]).encode()).hexdigest()[:12]
    image = f"mlflow-model-{entry['id']}:{found['version']}-{known}"
    if there(image):
        return image
    with tempfile.TemporaryDirectory(dir=registry.STATE) as folder:
        model = pathlib.Path(folder, "model")
        server.download(found["source"], model)
        base, digest = environment(config, requirements(model))
        container = docker("create", "--userns=host", base)
        try:
            docker("cp", model, f"{container}:/opt/model/")
            labels = {MODEL: entry["id"], "io.mlops.mlflow.model.built-on": digest, "org.opencontainers.image.version": found["version"]}
            docker("commit", *[word for key, value in labels.items() for word in ("--change", f"LABEL {key}={value}")], container, image)
        finally:
            docker("rm", "--force", container)
    return image


def listed(label):
    """Images with a label, newest first: (id, reference, value of the label, environment that it was built on)."""
    names = docker("image", "ls", "--quiet", "--no-trunc", "--filter", f"label={label}").split()
    about = json.loads(docker("image", "inspect", *dict.fromkeys(names))) if names else []
    about.sort(key=lambda image: image["Created"], reverse=True)
    return [(tag, image["Config"]["Labels"]) for image in about for tag in image["RepoTags"] or []]


def prune(keep):
    """Remove images of versions beyond the number to keep of each model, and environments that no image is built on. Never one that is in use."""
    used = {line for line in docker("ps", "--all", "--format", "{{.Image}}").splitlines() if line}
    kept, built_on = {}, set()
    for image, labels in listed(MODEL):
        older = kept.setdefault(labels[MODEL], [])
        if image in used or len(older) < keep:
            older.append(image)
            built_on.add(labels.get("io.mlops.mlflow.model.built-on"))
        else:
            docker("image", "rm", image)
    for image, labels in listed(ENVIRONMENT):
        if MODEL not in labels and labels[ENVIRONMENT] not in built_on:
            docker("image", "rm", image)


def remove_all():
    for label in (MODEL, ENVIRONMENT):
        for image, _labels in listed(label):
            docker("image", "rm", image)
