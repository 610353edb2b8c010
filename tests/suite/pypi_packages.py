"""Makes distributions and the simple pages of a public source, with nothing but the standard library.

`pypi_packages.py index FOLDER` fills a source; `pypi_packages.py dist FOLDER NAME VERSION SAYS [REQUIREMENT...]` makes a
wheel and an sdist. Copied into every sdist, it is that one's build backend: so nothing is needed to build it.
"""

import base64, hashlib, io, os, pathlib, sys, sysconfig, tarfile, zipfile

PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "pypi_packages"\nbackend-path = ["."]\n'


def metadata(name, version, requires=()):
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", f"Summary: The {name}",
             "License: MIT", "Requires-Python: >=3.8,<4", *(f"Requires-Dist: {one}" for one in requires)]
    return "\n".join(lines) + f"\nDescription-Content-Type: text/markdown\n\n# {name}\n"


def wheel(folder, name, version, says, tag="py3-none-any", requires=()):
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"SAYS = {says!r}\n",
        f"{info}/METADATA": metadata(name, version, requires),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += f"{path},sha256={digest},{len(text.encode())}\n"
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    file = pathlib.Path(folder, f"{name}-{version}-{tag}.whl")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return file


def sdist(folder, name, version, says, requires=()):
    stem = f"{name}-{version}"
    files = {
        "PKG-INFO": metadata(name, version, requires),
        "SAYS": says,
        "pyproject.toml": PYPROJECT,
        "pypi_packages.py": pathlib.Path(__file__).read_text(),
    }
    file = pathlib.Path(folder, f"{stem}.tar.gz")
    with tarfile.open(file, "w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{stem}/{path}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return file


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """The build backend's hook: the sdist in the current folder as a wheel."""
    fields = [line.split(": ", 1) for line in open("PKG-INFO").read().split("\n\n")[0].splitlines()]
    one = dict(fields)
    requires = [value for name, value in fields if name == "Requires-Dist"]
    return wheel(wheel_directory, one["Name"], one["Version"], open("SAYS").read(), requires=requires).name


def build_sdist(sdist_directory, config_settings=None):
    raise NotImplementedError


def index(folder):
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    files = pathlib.Path(folder, "files")
    files.mkdir(parents=True)
    made = {
        "pure": [wheel(files, "pure", "1.0", "pure 1.0"), wheel(files, "pure", "2.0", "pure 2.0")],
        "native": [wheel(files, "native", "1.0", "native 1.0", f"{python}-{python}-{platform}", ["pure<2"])],
        "solo": [sdist(files, "solo", "1.0", "solo 1.0", ["pure"])],
        "never": [wheel(files, "never", "1.0", "never fetched")],
    }
    for project, distributions in made.items():
        page = pathlib.Path(folder, "simple", project, "index.html")
        page.parent.mkdir(parents=True)
        anchors = (
            f'<a href="../../files/{file.name}#sha256={hashlib.sha256(file.read_bytes()).hexdigest()}" '
            f'data-requires-python="&gt;=3.8,&lt;4">{file.name}</a><br>'
            for file in distributions
        )
        page.write_text("<!DOCTYPE html><html><body>" + "\n".join(anchors) + "</body></html>")


if __name__ == "__main__":
    if sys.argv[1] == "index":
        index(sys.argv[2])
    else:
        folder, name, version, says, *requires = sys.argv[2:]
        os.makedirs(folder, exist_ok=True)
        wheel(folder, name, version, says, requires=requires)
        sdist(folder, name, version, says, requires)
