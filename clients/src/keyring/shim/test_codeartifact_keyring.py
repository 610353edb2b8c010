"""Tests of the package in this folder, with the real `keyring` library: `python -m unittest` in this folder."""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest
import unittest.mock
import zipfile

import keyring
from keyring import backend, errors
from keyring.backends.chainer import ChainerBackend

import build_wheel
import codeartifact_keyring
from codeartifact_keyring import PROGRAM, PROGRAM_VARIABLE, CodeArtifactKeyring

HOST = "my-org-111122223333.d.codeartifact.us-east-1.amazonaws.com"
URL = f"https://{HOST}/pypi/my-team-repo/"
FOREIGN = [
    "",
    "python-poetry-check",
    "poetry-repository-team",
    "pdm-repository-__unknown__",
    "pdm-pypi-team",
    HOST,
    f"{HOST}:443",
    "127.0.0.1:4600",
    "https://mirror.example.com/simple/",
    f"https://mirror.example.com/{HOST}/",
    f"https://mirror.example.com/?a=https://{HOST}/",
    f"https://mirror.example.com#.codeartifact.",
    "http://127.0.0.1:8080/simple/",
    "http://localhost:4600/d/my-org-111122223333/pypi/my-team-repo/",
    f"ftp://{HOST}/",
]
OURS = [
    URL,
    URL.rstrip("/"),
    f"{URL}simple",
    f"{URL}simple/",
    f"https://aws@{HOST}/pypi/my-team-repo/simple/",
    URL.upper().replace("HTTPS", "https"),
    "https://my-org-111122223333.codeartifact.us-east-1.on.aws/pypi/my-team-repo/",
    "https://vpce-0743fe535b883ffff-76ddffff.d.codeartifact.us-east-1.vpce.amazonaws.com/pypi/d/my-org-111122223333/r/",
    "http://127.0.0.1:4600/d/my-org-111122223333/pypi/my-team-repo/simple/",
    "http://[::1]:4600/d/my-org-111122223333/pypi/my-team-repo/simple/",
]
ANSWER = '{"username":"aws","password":"TOKEN"}'


class Elsewhere(backend.KeyringBackend):
    """Another keyring of the user's."""

    priority = 5

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


class Asking(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.calls = self.folder / "calls"
        (self.folder / "bin").mkdir()
        self.program(ANSWER)
        self.surroundings(PATH=str(self.folder / "bin"))

    def surroundings(self, **variables):
        patch = unittest.mock.patch.dict(os.environ, variables)
        patch.start()
        self.addCleanup(patch.stop)

    def program(self, answer, status=0, path="bin"):
        """A program that writes down its arguments, a line each, and answers."""
        path = self.folder / path / PROGRAM
        path.write_text(
            f"#!{sys.executable}\nimport json, sys\n"
            f"print(json.dumps(sys.argv[1:]), file=open({str(self.calls)!r}, 'a'))\n"
            f"print({answer!r})\nsys.exit({status})\n"
        )
        path.chmod(0o755)
        return path

    def asked(self):
        return [json.loads(line) for line in self.calls.read_text().splitlines()] if self.calls.exists() else []

    def get(self, service=URL, username=None):
        """The credential as two texts, and what the user reads."""
        told = io.StringIO()
        with contextlib.redirect_stderr(told):
            credential = CodeArtifactKeyring().get_credential(service, username)
        return credential and (credential.username, credential.password), told.getvalue()

    def test_urls_of_codeartifact_are_asked_about(self):
        for url in OURS:
            self.assertEqual(self.get(url), (("aws", "TOKEN"), ""), url)
        self.assertEqual(self.asked(), [["keyring", "--mode=creds", "--output=json", "get", url] for url in OURS])

    def test_the_user_name_is_passed_on(self):
        self.assertEqual(CodeArtifactKeyring().get_password(URL, "aws"), "TOKEN")
        self.assertEqual(self.asked()[0][-2:], [URL, "aws"])
        self.get(URL, "")
        self.assertEqual(self.asked()[1][-1], URL)

    def test_nothing_is_started_for_anything_else(self):
        for service in FOREIGN:
            self.assertEqual(self.get(service), (None, ""), service)
            self.assertIsNone(CodeArtifactKeyring().get_password(service, "aws"), service)
        for made_up in ["__token__", "__poetry_source_empty_username__"]:
            self.assertEqual(self.get(URL, made_up), (None, ""))
        self.assertEqual(self.asked(), [])

    def test_no_token_is_nothing(self):
        self.program("", status=1)
        self.assertEqual(self.get(), (None, ""))
        self.assertIsNone(CodeArtifactKeyring().get_password(URL, "aws"))
        # Not even what a failing program wrote.
        self.program(ANSWER, status=1)
        self.assertEqual(self.get(), (None, ""))

    def test_an_answer_that_is_none_is_not_shown(self):
        for answer in ["", "SECRET", '{"password": "SECRET"}', '["SECRET"]', '"SECRET"', "null"]:
            self.program(answer)
            credential, told = self.get()
            self.assertIsNone(credential, answer)
            self.assertIn("another version", told)
            self.assertNotIn("SECRET", told)

    def test_a_nul_starts_nothing(self):
        credential, told = self.get(URL + "\0")
        self.assertIsNone(credential)
        self.assertIn("cannot start", told)
        self.assertEqual(self.asked(), [])

    def test_a_program_in_the_current_folder_is_not_started(self):
        self.program(ANSWER, path=".")
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        for path in ["", ".", os.pathsep, "bin", "./bin"]:
            self.surroundings(PATH=path)
            credential, told = self.get()
            self.assertIsNone(credential, path)
            self.assertIn("is not on PATH", told)
        for variable in [PROGRAM, f"./{PROGRAM}", f"bin/{PROGRAM}"]:
            self.surroundings(**{PROGRAM_VARIABLE: variable})
            credential, told = self.get()
            self.assertIsNone(credential, variable)
            self.assertIn("not an absolute path", told)
        self.assertEqual(self.asked(), [])

    def test_the_variable_names_the_program(self):
        (self.folder / "other").mkdir()
        program = self.program(ANSWER, path="other")
        self.surroundings(PATH="", **{PROGRAM_VARIABLE: str(program)})
        self.assertEqual(self.get(), (("aws", "TOKEN"), ""))
        program.unlink()
        credential, told = self.get()
        self.assertIsNone(credential)
        self.assertIn(f"cannot start {program}", told)

    def test_the_path_that_configure_wrote_is_taken(self):
        (self.folder / "other").mkdir()
        program = self.program(ANSWER, path="other")
        self.surroundings(PATH="")
        with unittest.mock.patch.object(codeartifact_keyring, "CONFIGURED", str(program)):
            self.assertEqual(self.get(), (("aws", "TOKEN"), ""))
            program.unlink()
            self.assertIn("is not on PATH", self.get()[1])

    def test_the_chain_asks_this_keyring_and_then_the_others(self):
        chain = keyring.core.load_keyring("codeartifact_keyring.CodeArtifactChain")
        self.assertEqual(chain.get_credential(URL, None).password, "TOKEN")
        elsewhere = [other for other in chain.backends if isinstance(other, Elsewhere)]
        self.assertIsInstance(chain.backends[0], CodeArtifactKeyring)
        self.assertFalse(any(isinstance(other, ChainerBackend) for other in chain.backends))
        with unittest.mock.patch.object(codeartifact_keyring.CodeArtifactChain, "backends", elsewhere):
            chain.set_password("https://mirror.example.com/", "dev", "theirs")
        # Nobody says that a password is stored which nobody has.
        with unittest.mock.patch.object(codeartifact_keyring.CodeArtifactChain, "backends", [CodeArtifactKeyring()]):
            with self.assertRaises(errors.PasswordSetError):
                chain.set_password("https://mirror.example.com/", "dev", "theirs")

    def test_what_is_no_program_on_path_is_passed_over(self):
        for name in ["data", "folder"]:
            (self.folder / name).mkdir()
        (self.folder / "data" / PROGRAM).write_text("")
        (self.folder / "folder" / PROGRAM).mkdir()
        path = os.pathsep.join(str(self.folder / name) for name in ["data", "folder", "none", "bin"])
        self.surroundings(PATH=path)
        self.assertEqual(self.get(), (("aws", "TOKEN"), ""))

    def test_nothing_is_stored(self):
        keyring = CodeArtifactKeyring()
        for service in [URL, "https://mirror.example.com/simple/"]:
            self.assertRaises(errors.PasswordSetError, keyring.set_password, service, "aws", "password")
            self.assertRaises(errors.PasswordDeleteError, keyring.delete_password, service, "aws")
        self.assertEqual(self.asked(), [])

    def test_other_keyrings_keep_what_is_not_ours(self):
        other = Elsewhere()
        with unittest.mock.patch.object(ChainerBackend, "backends", [CodeArtifactKeyring(), other]):
            chain = ChainerBackend()
            chain.set_password("https://mirror.example.com/", "dev", "password")
            self.assertEqual(chain.get_password("https://mirror.example.com/", "dev"), "password")
            chain.delete_password("https://mirror.example.com/", "dev")
            self.assertIsNone(chain.get_password("https://mirror.example.com/", "dev"))
            # A token is not left in another one.
            self.assertRaises(errors.PasswordSetError, chain.set_password, URL, "aws", "TOKEN")
            self.assertEqual(other.kept, {})
            self.assertEqual(chain.get_credential(URL, None).password, "TOKEN")

    def test_the_library_finds_it_viable(self):
        self.assertIn(CodeArtifactKeyring, backend.KeyringBackend.get_viable_backends())
        self.assertEqual(keyring.core.load_keyring("codeartifact_keyring.CodeArtifactKeyring").priority, 9.9)


class Building(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(pathlib.Path(__file__).parent)

    def wheel(self):
        name = build_wheel.build_wheel(self.folder)
        return name, pathlib.Path(self.folder, name).read_bytes()

    def test_the_wheel_says_what_the_project_says(self):
        name, content = self.wheel()
        version = build_wheel._project()["version"]
        self.assertEqual(name, f"codeartifact_keyring-{version}-py3-none-any.whl")
        archive = zipfile.ZipFile(io.BytesIO(content))
        about = f"codeartifact_keyring-{version}.dist-info"
        read = lambda name: archive.read(name).decode()
        self.assertIn("\nRequires-Dist: keyring>=23.5\n", read(f"{about}/METADATA"))
        self.assertEqual(read(f"{about}/entry_points.txt"), "[keyring.backends]\ncodeartifact = codeartifact_keyring\n")
        self.assertEqual(read("codeartifact_keyring.py"), pathlib.Path("codeartifact_keyring.py").read_text())
        recorded = [line.split(",")[0] for line in read(f"{about}/RECORD").splitlines()]
        self.assertEqual(recorded, archive.namelist())

    def test_the_same_files_make_the_same_wheel(self):
        self.assertEqual(self.wheel(), self.wheel())

    @unittest.skipIf(sys.version_info < (3, 11), "there is no reader for TOML")
    def test_the_project_is_read_as_it_is_written(self):
        import tomllib

        written = tomllib.loads(pathlib.Path("pyproject.toml").read_text())
        read = build_wheel._project()
        for field in ["name", "version", "description", "license", "requires-python"]:
            self.assertEqual(read[field], written["project"][field])
        self.assertEqual([read["dependencies"]], written["project"]["dependencies"])
        self.assertEqual({"codeartifact": read["codeartifact"]}, written["project"]["entry-points"]["keyring.backends"])


if __name__ == "__main__":
    unittest.main()
