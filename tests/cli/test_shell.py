"""Shell scripts parse, job templates show what they would run, and texts name no file that is not there."""
import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *


def scripts(folder):
    return sorted((SOURCE / folder).glob("*.sh"))


class Shell(unittest.TestCase):
    def run_bash(self, *args, **env):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
        return subprocess.run(["bash", *args], capture_output=True, text=True, timeout=HANGS, cwd=SOURCE,
                              stdin=subprocess.DEVNULL, env={**clean, **env})

    def test_syntax(self):
        for script in scripts("tools") + scripts("jobs") + scripts("tests/crash"):
            with self.subTest(script=script.name):
                done = self.run_bash("-n", str(script))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stderr, "")

    def test_dry_jobs(self):
        jobs = [s for s in scripts("jobs") if "#SBATCH" in s.read_text()]  # the others are sourced by these
        if not jobs:
            self.skipTest("there are no job templates in jobs/")
        for script in jobs:
            with self.subTest(script=script.name):
                done = self.run_bash(str(script), ESP_DRY="1", OUTPUT="/shared/x.h5")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stdout, r"\bespalier\b")
                for launcher in ("mpirun", "srun"):
                    done = self.run_bash(str(script), ESP_DRY="1", OUTPUT="/shared/x.h5", LAUNCHER=launcher)
                    self.assertEqual(done.returncode, 0, done.stderr)
                config = re.search(r"config/\S+\.yaml", done.stdout)
                if config:
                    self.assertTrue((SOURCE / config.group()).exists(), config.group())

    def test_job_headers(self):
        for script in scripts("jobs"):
            text = script.read_text()
            if "#SBATCH" not in text:
                continue
            with self.subTest(script=script.name):
                self.assertTrue(text.startswith("#!/bin/"), "sbatch wants a first line with #!")
                first_command = re.search(r"(?m)^[^#\n]", text).start()
                self.assertLess(text.rindex("\n#SBATCH"), first_command, "sbatch reads no option after the first command")

    def texts(self):
        found = [SOURCE / "README.md", *sorted((SOURCE / "docs").rglob("*.md")), *sorted((SOURCE / "tests").rglob("*.md"))]
        return [path for path in found if path.exists()]

    def test_paths_in_texts(self):
        if not (SOURCE / "README.md").exists():
            self.skipTest("there is no README.md")
        pattern = re.compile(r"(?<![\w/.-])((?:config|jobs|tools|docs|src|include|tests)/[\w./*-]*)")
        for text in self.texts():
            for spot in re.findall(r"`([^`\n]+)`", text.read_text()):
                for path in pattern.findall(spot):
                    path = path.rstrip(".")
                    with self.subTest(text=text.name, path=path):
                        there = any(SOURCE.glob(path)) if "*" in path else (SOURCE / path).exists()
                        self.assertTrue(there, f"{text.relative_to(SOURCE)} names {path}, which is not there")

    def test_links_in_texts(self):
        for text in self.texts():
            for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text.read_text()):
                if "://" in target or target.startswith("mailto:"):
                    continue
                with self.subTest(text=text.name, target=target):
                    self.assertTrue((text.parent / target).exists(), f"{text.relative_to(SOURCE)} links to {target}")


if __name__ == "__main__":
    main()
