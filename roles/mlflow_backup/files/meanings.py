#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What restic says when it fails, and what the operator can do about it."""

from __future__ import annotations

GONE = 10
LOCKED = r"already locked|unable to create lock"
# What restic says (its exit code, or a pattern in its words), and what that means. The first that fits is told.
MEANINGS = (
    (12, r"wrong password or no key found", "The password of {repository} is another one. Set mlflow_backup_password to the one that it was made with."),
    (GONE, r"Is there a repository at the following location|unable to open config file|repository does not exist",
     "There is no repository at {repository}. If there was one, bring it back; see docs/backups.md before you make a new one."),
    (None, r"no space left on device|disk quota exceeded|StorageFull|XMinioStorageFull",
     "There is no room left: {words}. Free some at {repository} or on this host; nothing that was there is lost."),
    (11, LOCKED,
     "{repository} is in use by another host: {words}. Try again later; 'restic unlock' removes a lock whose owner is gone."),
    (None, r"Permission denied \(|Host key verification failed|unable to start the sftp session|[Cc]onnection refused|no such host|Could not resolve|"
     r"timed? ?out|No route to host|Access ?Denied|InvalidAccessKeyId|SignatureDoesNotMatch|connection reset|NoSuchBucket",
     "{repository} cannot be reached: {words}. See to the address, the route and mlflow_backup_s3_* or mlflow_backup_ssh_*."),
    (None, r"ciphertext verification failed|repository contains errors|invalid data returned|is damaged|not found in (repository|index)|unexpected EOF|"
     r"does not match|Load\(<|LoadBlob|LoadTree|does not exist|"
     r"no such file or directory|too short|ReadFull|invalid character|failed to load index|file size|checksum|Pack ID",
     "{repository} is damaged: {words}. The data of this host are untouched. See 'A damaged repository' in docs/backups.md."),
)
