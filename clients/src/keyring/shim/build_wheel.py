"""Builds this package with Python's own library and nothing else, as PEP 517 has it."""

import base64
import hashlib
import os
import re
import tarfile
import zipfile

FILES = ["codeartifact_keyring.py"]
SOURCES = [*FILES, "build_wheel.py", "pyproject.toml"]


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Writes the wheel and gives its name."""
    project = _project()
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    about = f"{stem}.dist-info"
    contents = {name: _read(name) for name in FILES}
    contents[f"{about}/METADATA"] = _metadata(project)
    contents[f"{about}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: build_wheel\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents[f"{about}/entry_points.txt"] = f"[keyring.backends]\ncodeartifact = {project['codeartifact']}\n".encode()
    record = "".join(f"{name},{_digest(text)},{len(text)}\n" for name, text in contents.items())
    contents[f"{about}/RECORD"] = f"{record}{about}/RECORD,,\n".encode()
    wheel = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents.items():
            # With a date of its own, so that the same files make the same wheel.
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return wheel


def build_sdist(sdist_directory, config_settings=None):
    """Writes the source archive and gives its name."""
    project = _project()
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    with tarfile.open(os.path.join(sdist_directory, f"{stem}.tar.gz"), "w:gz") as archive:
        for name in SOURCES:
            archive.add(name, f"{stem}/{name}")
    return f"{stem}.tar.gz"


def _project():
    """What pyproject.toml says in one line each; Python before 3.11 has no reader for it."""
    text = _read("pyproject.toml").decode()
    return dict(re.findall(r'^([a-z-]+) = \[?"(.*)"\]?$', text, re.MULTILINE))


def _metadata(project):
    fields = {
        "Metadata-Version": "2.4",
        "Name": project["name"],
        "Version": project["version"],
        "Summary": project["description"],
        "License-Expression": project["license"],
        "Requires-Python": project["requires-python"],
        "Requires-Dist": project["dependencies"],
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items()).encode()


def _digest(text):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()


def _read(name):
    with open(name, "rb") as file:
        return file.read()
