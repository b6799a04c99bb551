#!/usr/bin/env python
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where artifacts lie, how large they are, and which folders no run, model or trace knows. Called by cleanup.py.

Artifacts are reached where they lie, not through the server: `mlflow gc` asks the server for those with an mlflow-artifacts URI, which
needs its address, a host name that it allows, its static prefix and a user.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import urllib.parse

RUN = re.compile(r"[0-9a-f]{32}")
NAMED = {"models": re.compile(r"m-[0-9a-f]{32}"), "traces": re.compile(r"(tr-)?[0-9a-f]{32}")}


def tree(folder):
    """Bytes of all files below a folder, and the youngest time of change in it, in seconds since 1970."""
    size, youngest = 0, os.lstat(folder).st_mtime
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            try:
                about = os.lstat(os.path.join(parent, name))
            except FileNotFoundError:
                continue
            youngest = max(youngest, about.st_mtime)
            size += about.st_size if name in files else 0
    return size, youngest


class Artifacts:
    """The artifact store at a destination: a folder, or a URI of an object store."""

    def __init__(self, destination):
        self.destination = destination.rstrip("/")
        scheme = urllib.parse.urlsplit(destination).scheme
        self.root = os.path.realpath(self.local(destination)) if scheme in ("", "file") else None

    @staticmethod
    def local(uri):
        return os.path.normpath(urllib.parse.unquote(urllib.parse.urlsplit(uri).path) if uri.startswith("file:") else uri)

    def place(self, uri):
        """Folder or URI where a URI of the backend store really leads."""
        parts = urllib.parse.urlsplit(uri or "")
        if parts.scheme == "mlflow-artifacts":
            path = os.path.normpath("/" + urllib.parse.unquote(parts.path).lstrip("/"))
            return (self.root or self.destination) + ("" if path == "/" else path)
        return self.local(uri) if parts.scheme in ("", "file") else uri.rstrip("/")

    def within(self, place):
        """Whether a place is below the artifact store, and not the store itself. A link does not lead out of it."""
        if self.root:
            return os.path.realpath(place).startswith(self.root + "/")
        return place.startswith(self.destination + "/")

    def size(self, place):
        """Bytes of what lies at a place of this store; 0 where there is nothing."""
        if self.root:
            return tree(place)[0] if os.path.isdir(place) else 0
        repository, folders, size = self.repository(place), [None], 0
        while folders:
            for entry in repository.list_artifacts(folders.pop()):
                if entry.is_dir:
                    folders.append(entry.path)
                else:
                    size += entry.file_size or 0
        return size

    @staticmethod
    def repository(place):
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        return get_artifact_repository(place)

    def remove(self, place):
        """Remove what lies at a place of this store, and the folders above it that are empty then."""
        if not self.root:
            self.repository(place).delete_artifacts()
            return
        if os.path.lexists(place):
            shutil.rmtree(place)
        parent = os.path.dirname(place)
        while self.within(parent):
            try:
                os.rmdir(parent)
            except FileNotFoundError:
                pass
            except OSError:
                return
            parent = os.path.dirname(parent)

    def folders(self, folder=None, depth=0):
        """Yield (ID, folder) of all that looks as MLflow laid it out: EXPERIMENT/RUN, EXPERIMENT/models/MODEL, EXPERIMENT/traces/TRACE."""
        for entry in os.scandir(folder or self.root):
            if not entry.is_dir(follow_symlinks=False):
                continue
            if entry.name in NAMED and depth:
                yield from ((inner.name, inner.path) for inner in os.scandir(entry.path)
                            if NAMED[entry.name].fullmatch(inner.name) and inner.is_dir(follow_symlinks=False))
            elif RUN.fullmatch(entry.name) and depth:
                yield entry.name, entry.path
            elif (entry.name.isdigit() or entry.name == "workspaces" or os.path.basename(folder or "") == "workspaces") and depth < 3:
                yield from self.folders(entry.path, depth + 1)


class Claims:
    """Places that are in use: is a folder, or what is in it or above it, among them?"""

    def __init__(self, places):
        self.places = set(places)
        self.above = set()
        for place in self.places:
            while place not in ("", "/"):
                place = os.path.dirname(place)
                if place in self.above:
                    break
                self.above.add(place)

    def touch(self, place):
        if place in self.places or place in self.above:
            return True
        while place not in ("", "/"):
            place = os.path.dirname(place)
            if place in self.places:
                return True
        return False


def days_since(seconds):
    return (time.time() - seconds) / 86400
