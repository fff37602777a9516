"""Hostile surroundings: names, places, configurations and links that somebody has prepared. Clear errors, bounded cost, and no
file is written but the program's own."""
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

NOBODY = 65534
MOST_MB, MOST_SECONDS = 600, 20  # of memory and of CPU time, with MPI
EMPTY = ("run", "-q", "--max-time", "0")  # makes the results file and stops


class Names(Case):
    def test_config(self):
        """Whatever a name looks like, it is a name."""
        for name in ("new\nline", "-o", "--help", "'q\"uo'te", "$(touch x)", "`touch x`;touch x", "a\\b %n%s", "*?[a]", "~", "x:y", "..."):
            with self.subTest(name=name):
                self.write(f"{name}/{name}.yaml", TINY)
                self.expect(STOPPED, *EMPTY, "--", f"{name}/{name}.yaml")
                self.assertEqual(sorted(p.name for p in self.dir.iterdir() if p.is_file()), [f"{name}.h5"])
                self.assertEqual(self.status(f"./{name}.h5")["cells"], 28)
                self.assertEqual(os.listdir(self.dir / name), [f"{name}.yaml"])
                (self.dir / f"{name}.h5").unlink()

    def test_report(self):
        """The directory goes to Python as one argument that is no option; modules in the working directory are not loaded."""
        self.expect(OK, "run", "-q", self.config(), "-o", "net.h5")
        self.write("tools/figures.py", "import json, sys\njson.dump(sys.argv[1:], open(sys.argv[-1] + '/arguments', 'w'))\n")
        for module in ("numpy", "h5py", "matplotlib", "sitecustomize"):
            self.write(f"{module}.py", "open('owned', 'w')\n")
        before = self.litter()
        for name in ("--help", "$(touch owned); touch owned", "new\nline 'q\""):
            with self.subTest(name=name):
                result = self.expect(OK, "report", "net.h5", "-o", name, env={"ESPALIER_TOOLS": self.dir / "tools"})
                self.assertTrue((self.dir / name / "scorecard.md").exists())
                if "no pictures" not in result.out:
                    self.assertEqual(json.loads((self.dir / name / "arguments").read_text()), ["--", name])
                shutil.rmtree(self.dir / name)
                self.assertEqual(self.litter(), before)
        drawn = subprocess.run([sys.executable, str(SOURCE / "tools/figures.py"), "--", "--help"], capture_output=True, text=True,
                               timeout=HANGS, cwd=self.dir / "tools")
        self.assertNotIn("usage", drawn.stdout + drawn.stderr)

    def test_no_shell(self):
        """Programs are started with a list of arguments; nothing in the sources hands a text to a shell."""
        for source in (SOURCE / "src").rglob("*.[ch]"):
            self.assertIsNone(re.search(r"\b(system|popen|wordexp|execlp?)\s*\(", source.read_text()), source)


class Links(Case):
    """Something lies where the program wants to write. The victim is a file that it must not touch."""

    def setUp(self):
        super().setUp()
        self.config()
        self.victim = self.write("victim", "precious\n")

    def place(self, kind, path):
        path = self.dir / path
        if kind == "link":
            path.symlink_to("victim")
        elif kind == "dangling link":
            path.symlink_to("nowhere")
        elif kind == "hard link":
            os.link(self.victim, path)
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "socket":
            with socket.socket(socket.AF_UNIX) as s:
                s.bind(os.path.relpath(path))
        elif kind == "directory":
            path.mkdir()
        return path

    def untouched(self):
        self.assertEqual(self.victim.read_text(), "precious\n")
        self.assertFalse((self.dir / "nowhere").exists())

    def test_lock(self):
        os.chdir(self.dir)
        for kind in ("link", "dangling link", "hard link", "fifo", "socket", "directory"):
            with self.subTest(kind=kind):
                path = self.place(kind, "net.h5.lock")
                result = self.run_program(*EMPTY, "net.yaml")
                self.assertEqual(result.status, UNAVAILABLE, str(result))
                self.assert_one_line(result, "net.h5.lock")
                self.assertTrue(os.path.lexists(path))
                self.assertFalse((self.dir / "net.h5").exists())
                self.untouched()
                path.rmdir() if kind == "directory" else path.unlink()

    def test_temporary(self):
        """What a killed run left under this name is removed, so is a link; what it leads to is not."""
        os.chdir(self.dir)
        for kind in ("link", "dangling link", "hard link", "fifo", "socket"):
            with self.subTest(kind=kind):
                self.place(kind, "net.h5.tmp")
                self.expect(STOPPED, *EMPTY, "net.yaml")
                self.assertEqual(self.litter(), ["net.h5", "net.yaml", "victim"])
                self.assertEqual(os.stat("net.h5").st_nlink, 1)
                self.untouched()
                os.unlink("net.h5")
        self.place("directory", "net.h5.tmp")
        result = self.expect(CANNOT_CREATE, *EMPTY, "net.yaml")
        self.assert_one_line(result, "net.h5.tmp: in the way of net.h5", "directory")
        self.assertEqual(self.litter(), ["net.h5.tmp", "net.yaml", "victim"])

    def test_output(self):
        os.chdir(self.dir)
        self.place("socket", "socket.h5")
        self.assert_one_line(self.expect(DATA, *EMPTY, "net.yaml", "-o", "socket.h5"), "socket.h5: not a regular file")
        self.expect(DATA, *EMPTY, "net.yaml", "-o", "socket.h5", "--force")
        self.assertTrue(stat.S_ISSOCK(os.stat("socket.h5").st_mode))
        self.place("link", "link.h5")  # to a file that is no results file
        self.expect(DATA, *EMPTY, "net.yaml", "-o", "link.h5")
        self.expect(CANNOT_CREATE, *EMPTY, "net.yaml", "-o", "link.h5", "--force")
        self.untouched()

    def test_force_through_a_link(self):
        """To other results: they are neither written nor moved, and the file in place of the link would have another lock."""
        self.expect(OK, "run", "-q", "net.yaml", "-o", "other.h5", "--set", "seed=8")
        before = sha256(self.dir / "other.h5")
        (self.dir / "net.h5").symlink_to("other.h5")
        result = self.expect(CONFIG, "run", "-q", "net.yaml")
        self.assertIn("seed: 8 -> 7", result.err)
        result = self.expect(CANNOT_CREATE, "run", "-q", "net.yaml", "--force")
        self.assert_one_line(result, "net.h5: a symbolic link", "--force")
        self.assertEqual(sha256(self.dir / "other.h5"), before)
        self.assertEqual(self.litter(), ["net.h5", "net.yaml", "other.h5", "victim"])

    def test_old_name_is_taken(self):
        """Links to nothing under all names that the old file could get in the next seconds: they stay too."""
        self.expect(STOPPED, *EMPTY, "net.yaml", "-o", "net.h5")
        for second in range(30):
            stamp = time.strftime("%Y%m%dT%H%M%S", time.localtime(time.time() + second))
            (self.dir / f"net.h5.old-{stamp}").symlink_to("nowhere")
        self.expect(STOPPED, *EMPTY, "net.yaml", "--set", "seed=8", "--force")
        self.untouched()
        names = [name for name in self.litter() if ".old-" in name]
        self.assertEqual(len(names), 31)
        self.assertEqual([name.rpartition(".")[2] for name in names if not (self.dir / name).is_symlink()], ["1"])

    def test_report(self):
        """Links in the directory of a report are replaced, not followed."""
        os.chdir(self.dir)
        self.expect(OK, "run", "-q", "net.yaml")
        for kind in ("link", "hard link", "fifo"):
            with self.subTest(kind=kind):
                os.makedirs("paper/tables")
                for name in ("scorecard.md", "panels.h5", "tables/members.csv"):
                    self.place(kind, f"paper/{name}")
                    self.place(kind, f"paper/{name}.tmp")
                self.expect(OK, "report", "net.h5", "-o", "paper", "--no-figures")
                self.untouched()
                self.assertTrue(stat.S_ISREG(os.lstat("paper/scorecard.md").st_mode))
                self.assertEqual([p.name for p in (self.dir / "paper").rglob("*.tmp")], [])
                shutil.rmtree("paper")


class Others(Case):
    """As another user, where root may do everything."""

    def setUp(self):
        super().setUp()
        self.config()
        self.dir.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(self.mpi, NOBODY, NOBODY)
            seen = subprocess.run([*self.nobody(), "test", "-x", ESPALIER, "-a", "-r", str(self.dir / "net.yaml")]).returncode \
                if have("setpriv") else 1
            if seen:
                self.skipTest("needs setpriv (util-linux) and a build directory that user nobody can read")

    def nobody(self):
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []

    def command(self, args, ranks=1):
        return [*self.nobody(), *super().command(args, ranks)]

    def test_read_only_directory(self):
        (self.dir / "d").mkdir(mode=0o555)
        for more in ([], ["--dry-run"], ["--force"]):
            result = self.expect(CANNOT_CREATE, *EMPTY, "net.yaml", "-o", "d/net.h5", *more)
            self.assert_one_line(result, "d/net.h5", "Permission denied", "-o")
        self.assertEqual(os.listdir(self.dir / "d"), [])

    def test_files_of_others(self):
        """Results that can be read but not written, a lock that cannot be had, files that cannot be read."""
        if os.geteuid() != 0:
            self.skipTest("needs root, to make files of another user")
        place = self.dir / "d"
        place.mkdir()
        os.chown(place, NOBODY, NOBODY)
        subprocess.run(super().command([*EMPTY, "net.yaml", "-o", place / "net.h5"]), cwd=self.dir, env=self.environment(), timeout=HANGS)
        before = sha256(place / "net.h5")
        result = self.expect(IO, "run", "-q", "net.yaml", "-o", "d/net.h5")
        self.assert_one_line(result, "d/net.h5: cannot be written: Permission denied")
        self.expect(OK, "status", "d/net.h5")
        (place / "net.h5.lock").write_text("")
        result = self.expect(UNAVAILABLE, "run", "-q", "net.yaml", "-o", "d/net.h5")
        self.assert_one_line(result, "d/net.h5.lock", "Permission denied")
        (place / "net.h5.lock").unlink()
        (place / "net.h5").chmod(0o600)
        for command in (["status", "d/net.h5"], ["run", "-q", "net.yaml", "-o", "d/net.h5"]):
            self.assert_one_line(self.expect(NO_INPUT, *command), "d/net.h5", "Permission denied")
        (self.dir / "net.yaml").chmod(0o600)
        self.assert_one_line(self.expect(NO_INPUT, "run", "-q", "net.yaml", "-o", "d/new.h5"), "net.yaml: you may not read this file")
        self.assertEqual(os.listdir(place), ["net.h5"])
        self.assertEqual(sha256(place / "net.h5"), before)


class Streams(Case):
    """Closed standard streams: their numbers must not become those of the results."""

    def closed(self, *args, fds):
        done = subprocess.run(["sh", "-c", 'exec "$@" ' + " ".join(f"{fd}>&-" for fd in fds), "sh", *self.command(args)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.dir,
                              env=self.environment(), timeout=HANGS)
        return Result(done.returncode, done.stdout, done.stderr, 0)

    def test_closed(self):
        config = self.config()
        straight = self.straight(config)
        for fds in ((1,), (2,), (0, 1, 2)):
            with self.subTest(closed=fds):
                result = self.closed("run", "net.yaml", fds=fds)
                self.assertEqual(result.status, IO if 1 in fds else OK, str(result))
                if fds == (1,):
                    self.assertIn("espalier: cannot write to standard output", result.err)
                self.assert_sound("net.h5")
                self.assert_same(straight, "net.h5")
                self.assertEqual(os.stat(self.dir / "net.h5").st_size, os.stat(straight).st_size)
                (self.dir / "net.h5").unlink()
        self.assertEqual(self.closed("run", "nothing.yaml", fds=(2,)).status, NO_INPUT)

    def test_numbers_are_taken(self):
        """What is printed must not go to a file or to a connection of MPI that was opened after the start."""
        process = subprocess.Popen(["sh", "-c", 'exec "$@" 0>&- 1>&- 2>&-', "sh", *self.command(["run", self.config(LONG)])],
                                   cwd=self.dir, env=self.environment(), start_new_session=True)
        try:
            self.assertTrue(wait_for((self.dir / "net.h5").exists, 0.01))
            self.assertEqual({os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in (0, 1, 2)}, {"/dev/null"})
        finally:
            for pid in processes_of(process.pid):
                send(pid, signal.SIGKILL)
            process.wait(HANGS)


class Bombs(Case):
    """Configurations that cost much to read: refused, with place, in bounded time and memory."""

    def refused(self, name, status, *words, more=()):
        process = self.start("run", "-q", *more, name)
        timer = time.monotonic() + HANGS
        pid, code, used = 0, 0, None
        while pid == 0 and time.monotonic() < timer:
            pid, code, used = os.wait4(process.pid, os.WNOHANG)
            time.sleep(0.01)
        if pid == 0:
            self.kill_all(process)
            self.fail(f"{name}: still running after {HANGS} s")
        process.returncode = os.waitstatus_to_exitcode(code)
        out, err = self._texts(process)
        self.assertEqual(process.returncode, status, err[:2000])
        self.assertLess(used.ru_utime + used.ru_stime, MOST_SECONDS)
        self.assertLess(used.ru_maxrss / 1024, MOST_MB)
        self.assertLess(len(err), 100000, "who reads that?")
        for word in (name, *words):
            self.assertTrue(word in err, f"{word} is not in {err[:1000]}")
        if status == CONFIG and not more:
            self.assertRegex(err, rf"(?m)^{re.escape(name)}:\d+:\d+: ")
        self.assertEqual(out, "")

    def test_aliases(self):
        laughs = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
            f"{k}: &{k} [{', '.join([f'*{chr(ord(k) - 1)}'] * 9)}]\n" for k in "bcdefghij")
        self.write("laughs.yaml", laughs)
        self.refused("laughs.yaml", CONFIG, "anchors and aliases", "laughs.yaml:1:")
        self.write("round.yaml", "a: &a\n  b: *a\n")
        self.refused("round.yaml", CONFIG, "round.yaml:2:")
        self.write("merge.yaml", "experiment: dms\n<<: {seed: 3}\n")
        self.refused("merge.yaml", CONFIG, "merge.yaml:2:1: unknown key '<<'")

    def test_depth(self):
        for i, text in enumerate(("[" * 100000, "{a: " * 100000, "- " * 100000, "? " * 100000,
                                  "".join(" " * n + "a:\n" for n in range(1300)))):
            self.write(f"deep{i}.yaml", text + "\n")
            self.refused(f"deep{i}.yaml", CONFIG, f"deep{i}.yaml:", "nested more than 16 deep")

    def test_size(self):
        with open(self.write("large.yaml", TINY), "a") as file:
            file.truncate(100 << 20)
        self.refused("large.yaml", NO_INPUT, "larger than 1 MiB")
        self.write("key.yaml", "experiment: dms\n" + "k" * 1000000 + ": 1\n")
        self.refused("key.yaml", CONFIG, "key.yaml:2:")
        self.write("quoted.yaml", "experiment: dms\n? \"" + "k" * 1000000 + "\"\n: 1\n")
        self.refused("quoted.yaml", CONFIG, "unknown key")
        self.write("value.yaml", "experiment: " + "v" * 1000000 + "\n")
        self.refused("value.yaml", CONFIG, "value.yaml:1:13")
        self.write("many.yaml", "".join(f"k{i}: 1\n" for i in range(100000)))
        self.refused("many.yaml", CONFIG, "many.yaml:100:1:", " more\n")
        self.write("net.yaml", TINY)
        self.refused("net.yaml", CONFIG, "--set ", more=["--set", "seed=" + "[" * 100000])

    def test_bytes(self):
        (self.dir / "random.yaml").write_bytes(random.Random(7).randbytes(500000))
        self.refused("random.yaml", CONFIG, "random.yaml:1:")
        for name, order in (("little.yaml", "utf-16-le"), ("big.yaml", "utf-16-be")):
            (self.dir / name).write_bytes(("\ufeff" + TINY).encode(order))
            self.refused(name, CONFIG, "UTF-16", "save the file as UTF-8")
        (self.dir / "nul.yaml").write_bytes(TINY.encode().replace(b"seed: 7", b"seed: 7\0"))
        self.refused("nul.yaml", CONFIG, "nul.yaml:2:")
        (self.dir / "zeros.yaml").write_bytes(bytes(100000))
        self.refused("zeros.yaml", CONFIG, "zeros.yaml:1:1:")

    def test_no_file(self):
        os.chdir(self.dir)
        os.mkfifo("fifo.yaml")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind("socket.yaml")
        os.symlink("loop.yaml", "loop.yaml")
        for name in ("fifo.yaml", "socket.yaml", "loop.yaml", "/dev/zero", "/dev/full", "/dev/stdin"):
            self.refused(name, NO_INPUT)


if __name__ == "__main__":
    main()
