#!/usr/bin/env python
"""The hosts that are measured, and what is done to them. Shared by the benchmarks; `hosts.py remove` removes the hosts."""

import os
import pathlib
import subprocess
import sys
import time

from api import healthy

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = pathlib.Path(os.environ.get("BENCHMARK_LOGS", "/tmp"))
SMOKE = bool(os.environ.get("BENCHMARK_SMOKE"))
OS = os.environ.get("BENCHMARK_OS", "debian12")
CAPABILITIES = ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYS_MODULE", "SYS_NICE", "SYS_TIME", "SYSLOG", "IPC_LOCK", "LINUX_IMMUTABLE", "MAC_ADMIN"]
VERSION = "3.17.2"

# What a newcomer writes. The certificates are the host's own: pip brings others, which a site's own index may not be signed by.
NAIVE_DOCKERFILE = f"""\
FROM python:3.12-slim
COPY ca.pem /ca.pem
ENV PIP_CERT=/ca.pem
ARG PIP_INDEX_URL
RUN pip install mlflow=={VERSION}
"""
NAIVE_SERVER = "mlflow server --host 0.0.0.0 --port 5000 --backend-store-uri sqlite:////data/mlflow.db --artifacts-destination /data/artifacts"


def run(*words, check=True, **options):
    """Run a command and return its output; where it fails, show the end of it."""
    done = subprocess.run(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    if check and done.returncode:
        sys.exit(f"{' '.join(words)[:200]} failed with {done.returncode}:\n" + "\n".join(done.stdout.splitlines()[-40:]))
    return done.stdout


def site(inventory, *options, **environment):
    """Run site.yml on an inventory; return its output."""
    index = ["-e", f"mlflow_package_index_url={os.environ['PIP_INDEX_URL']}"] if os.environ.get("PIP_INDEX_URL") else []
    return run("ansible-playbook", "-i", inventory, str(ROOT / "site.yml"), *index, *options, cwd=ROOT, env={**os.environ, **environment})


class Host:
    """A Debian server in a container, made new or found as the last benchmark left it."""

    def __init__(self, name, fresh=False):
        self.name = f"mlflow-bench-{name}"
        state = run("docker", "container", "inspect", "--format", "{{.State.Running}}", self.name, check=False).strip()
        if fresh or state != "true":
            self.remove()
            self.make()
        self.address = run("docker", "inspect", "--format", "{{.NetworkSettings.IPAddress}}", self.name).strip()

    def make(self):
        run(
            "docker", "run", "--detach", "--name", self.name, "--hostname", self.name, "--cgroupns", "host",
            "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw", "--tmpfs", "/run", "--tmpfs", "/run/lock", "--volume", "/var/lib/docker",
            "--volume", os.environ["MLFLOW_TEST_IMAGES"] + ":/srv/test-images:ro", "--env", "container=docker",
            "--env", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1", "--stop-signal", "SIGRTMIN+3",
            *(word for capability in CAPABILITIES for word in ("--cap-add", capability)),
            "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
            os.environ["BENCHMARK_IMAGE"], "/lib/systemd/systemd",
        )  # fmt: skip
        for _attempt in range(120):
            if run("docker", "exec", self.name, "systemctl", "is-system-running", check=False).strip() in ("running", "degraded"):
                return
            time.sleep(0.5)
        sys.exit(f"systemd does not come up in {self.name}")

    def remove(self):
        run("docker", "rm", "--force", "--volumes", self.name, check=False)

    def sh(self, script, check=True):
        return run("docker", "exec", self.name, "sh", "-euc", script, check=check)

    def has(self, script):
        return subprocess.run(["docker", "exec", self.name, "sh", "-c", script], capture_output=True, check=False).returncode == 0

    def url(self, port):
        return f"http://{self.address}:{port}"

    def inventory(self):
        file = LOGS / f"{self.name}.yml"
        file.write_text(f"mlflow_servers:\n  hosts:\n    {self.name}:\n      ansible_connection: community.docker.docker\n")
        return str(file)

    def site(self, log, *options, **environment):
        """Run site.yml on this host alone; return its output."""
        output = site(self.inventory(), *options, **environment)
        (LOGS / f"{log}.log").write_text(output)
        return output

    def install_engine(self):
        self.sh("command -v dockerd >/dev/null || { apt-get -q update; apt-get -q -y --no-install-recommends install docker.io iptables"
                " $(apt-cache show docker-cli >/dev/null 2>&1 && echo docker-cli); }")  # fmt: skip

    def build_naive(self):
        self.sh("mkdir -p /naive && cp /etc/ssl/certs/ca-certificates.crt /naive/ca.pem")
        run("docker", "exec", "-i", self.name, "sh", "-c", "cat > /naive/Dockerfile", input=NAIVE_DOCKERFILE)
        index = os.environ.get("PIP_INDEX_URL", "")
        self.sh(f"docker build --no-cache --tag naive {f'--build-arg PIP_INDEX_URL={index}' if index else ''} /naive")

    def start_naive(self, port):
        self.sh("docker rm --force naive >/dev/null 2>&1 || :")
        self.sh(f"docker run --detach --name naive --publish {port}:5000 --volume naive:/data naive {NAIVE_SERVER}")


def both():
    """One host with the collection's server on port 5001 and the stock server on 5002, each with its defaults."""
    host = Host("both")
    if not host.has("systemctl is-active --quiet mlflow"):
        host.site("both-site")
    if not host.has("docker image inspect naive"):
        host.build_naive()
    if not host.has("docker container inspect naive"):
        host.start_naive(5002)
    healthy(host.url(5002))
    healthy(host.url(5001))
    return host


if __name__ == "__main__" and sys.argv[1:] == ["remove"]:
    for name in run("docker", "ps", "--all", "--format", "{{.Names}}", "--filter", "name=^mlflow-bench-").split():
        run("docker", "rm", "--force", "--volumes", name)
