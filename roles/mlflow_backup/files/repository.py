#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The restic repository. Secrets reach restic in its environment and in files that only root reads, never as arguments.

Works with restic 0.14 and later; what it says is turned into what the operator can do about it. Standard library only.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess

from settings import Refused, read_pairs, shown

TAG = "mlflow-backup"
GONE = 10
# What restic says (its exit code, or a pattern in its words), and what that means. The first that fits is told.
MEANINGS = (
    (12, r"wrong password or no key found", "The password of {repository} is another one. Set mlflow_backup_password to the one that it was made with."),
    (GONE, r"Is there a repository at the following location|unable to open config file|repository does not exist",
     "There is no repository at {repository}. If there was one, bring it back; see docs/backups.md before you make a new one."),
    (None, r"no space left on device|disk quota exceeded|StorageFull|XMinioStorageFull",
     "There is no room left: {words}. Free some at {repository} or on this host; nothing that was there is lost."),
    (11, r"already locked|unable to create lock",
     "{repository} is in use by another host: {words}. Try again later; 'restic unlock' removes a lock whose owner is gone."),
    (None, r"Permission denied \(|Host key verification failed|unable to start the sftp session|[Cc]onnection refused|no such host|Could not resolve|"
     r"timed? ?out|No route to host|Access ?Denied|InvalidAccessKeyId|SignatureDoesNotMatch|connection reset|NoSuchBucket",
     "{repository} cannot be reached: {words}. See to the address, the route and mlflow_backup_s3_* or mlflow_backup_ssh_*."),
    (None, r"ciphertext verification failed|repository contains errors|invalid data returned|is damaged|not found in (repository|index)|unexpected EOF|"
     r"does not match|Load\(<|LoadBlob|LoadTree|does not exist|"
     r"no such file or directory|too short|ReadFull|invalid character|failed to load index|file size|checksum|Pack ID",
     "{repository} is damaged: {words}. The data of this host are untouched. See 'A damaged repository' in docs/backups.md."),
)


def ssh_command(settings, repository):
    """The ssh command for sftp:USER@HOST:PATH and sftp://USER@HOST:PORT/PATH, with the key and the known hosts of the role."""
    match = re.match(r"sftp:(?://)?(?P<target>(?:[^@/]+@)?(?:\[[^]]+\]|[^:/]+))(?::(?P<port>\d+)(?=/))?", repository)
    words = ["ssh", "-o", "BatchMode=yes"]
    if repository.startswith("sftp://") and match["port"]:
        words += ["-p", match["port"]]
    if os.path.exists(settings.ssh_key_file):
        words += ["-i", settings.ssh_key_file, "-o", "IdentitiesOnly=yes"]
    if os.path.exists(settings.known_hosts_file):
        words += ["-o", f"UserKnownHostsFile={settings.known_hosts_file}", "-o", "StrictHostKeyChecking=yes"]
    return shlex.join([*words, match["target"].strip("[]"), "-s", "sftp"])


class Repository:
    def __init__(self, settings):
        self.settings = settings
        self.secrets = read_pairs(settings.environment_file)
        self.address = self.secrets["RESTIC_REPOSITORY"]
        self.options = ["-o", f"sftp.command={ssh_command(settings, self.address)}"] if self.address.startswith("sftp:") else []
        self.environment = {**os.environ, **self.secrets, "RESTIC_PASSWORD_FILE": settings.password_file, "RESTIC_CACHE_DIR": settings.cache,
                            "RESTIC_PROGRESS_FPS": "0.01"}
        self.newer = None

    @property
    def local(self):
        """Path of a repository on this host, or nothing."""
        return self.address[6:] if self.address.startswith("local:") else self.address if self.address.startswith("/") else ""

    def run(self, *words, allow=()):
        """Run restic; returns the finished process. Any exit code but 0 and those of allow is Refused, with what it means."""
        if self.newer is None:
            # Exclusive locks of other hosts are waited for since 0.16.
            release = re.match(r"restic (\d+)\.(\d+)", subprocess.run(["restic", "version"], capture_output=True, text=True, check=True).stdout)
            self.newer = (int(release[1]), int(release[2])) >= (0, 16)
        waiting = ["--retry-lock", "10m"] if self.newer else []
        done = subprocess.run(["restic", *self.options, *waiting, *words], env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode not in (0, *allow):
            raise Refused(self.meaning(done))
        return done

    def meaning(self, done):
        code, said = done.returncode, done.stderr + done.stdout
        # On standard output there is only progress.
        lines = [line.strip() for line in (done.stderr.strip() or done.stdout).splitlines() if line.strip() and "retrying after" not in line]
        words = self.conceal("; ".join(lines[-3:])[-600:]).rstrip(".")
        for number, pattern, text in MEANINGS:
            if code == number or re.search(pattern, said):
                return text.format(repository=self.conceal(self.address), words=words)
        return f"restic ended with {code} at {self.conceal(self.address)}: {words}."

    def conceal(self, text):
        for name, value in self.secrets.items():
            if value and name != "RESTIC_REPOSITORY":
                text = text.replace(value, "***")
        return shown(text)

    def identity(self):
        """Id of the repository, or nothing where there is none."""
        done = self.run("cat", "config", "--json", allow=(1, GONE))
        if done.returncode == 0:
            return json.loads(done.stdout)["id"]
        if done.returncode != GONE and not re.search(MEANINGS[1][1], done.stderr):
            raise Refused(self.meaning(done))
        return ""

    def open(self, known):
        """Id of the repository, made where there was none before. known: its id at an earlier run, or nothing."""
        found = self.identity()
        shown_address = self.conceal(self.address)
        if known and not found:
            raise Refused(f"{shown_address} is damaged or gone: it held repository {known[:8]} before. "
                          "Bring it back; see 'A damaged repository' in docs/backups.md.")
        if not found:
            if self.local and os.path.isdir(self.local) and os.listdir(self.local):
                raise Refused(f"{shown_address} is neither empty nor a repository. "
                              "Name an empty folder in mlflow_backup_repository, or repair the repository in it.")
            self.run("init")
            found = self.identity()
        return found

    def unlock(self):
        """Remove locks whose owners are gone."""
        self.run("unlock")

    def backup(self, paths):
        """Make a snapshot; returns restic's summary. Files that vanished meanwhile are no error, files that cannot be read are."""
        done = self.run("backup", "--json", "--host", self.settings.host, "--tag", TAG, "--tag", self.settings.service, *paths, allow=(3,))
        messages = [json.loads(line) for line in (done.stdout + done.stderr).splitlines() if line.startswith("{")]
        unread = [message.get("item", "") for message in messages if message.get("message_type") == "error"]
        unread = [item for item in unread if os.path.lexists(item)]
        if done.returncode and unread:
            raise Refused(f"{len(unread)} files could not be read, {unread[0]} among them. The snapshot lacks them.")
        return next(message for message in reversed(messages) if message.get("message_type") == "summary")

    def forget(self):
        keep = [word for name, number in self.settings.keep.items() if number for word in (f"--keep-{name}", str(number))]
        self.run("forget", "--host", self.settings.host, "--tag", f"{TAG},{self.settings.service}", "--group-by", "host,tags", *keep, "--prune")

    def snapshots(self):
        """Every snapshot of this service, of all hosts, oldest first."""
        found = json.loads(self.run("snapshots", "--json", "--tag", f"{TAG},{self.settings.service}").stdout) or []
        return sorted(found, key=lambda snapshot: snapshot["time"])

    def read(self, snapshot, path):
        return self.run("dump", snapshot, path).stdout

    def restore(self, snapshot, target, words=()):
        self.run("restore", snapshot, "--target", target, *words)
