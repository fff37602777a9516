"""Build the fuzz targets with clang and run each for ESP_TEST_FUZZ seconds (default 20) from the corpus in the tree.

Skipped (77) where there is no clang with libFuzzer. What is found stays in the build directory, and belongs into the corpus.
"""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else SOURCE / "build-fuzz")
SECONDS = int(os.environ.get("ESP_TEST_FUZZ") or 20)
TARGETS = ("config", "options", "results")


def have_libfuzzer():
    probe = BUILD / "probe"
    BUILD.mkdir(parents=True, exist_ok=True)
    text = "int LLVMFuzzerTestOneInput(const char *d, long n); int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }"
    try:
        return subprocess.run(["clang", "-fsanitize=fuzzer,address,undefined", "-x", "c", "-", "-o", probe], input=text, text=True,
                              capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def fuzz(name):
    """Runs with a copy of the corpus, which grows; True if nothing was found."""
    grown, found = BUILD / f"corpus-{name}", BUILD / f"found-{name}"
    for directory in (grown, found):
        directory.mkdir(exist_ok=True)
    # HDF5 keeps memory of its own until the end, also after a failure: not ours to complain about here.
    leaks = "detect_leaks=0" if name == "results" else "detect_leaks=1"
    process = subprocess.run([BUILD / "tests" / "fuzz" / f"fuzz_{name}", grown, HERE / "corpus" / name, f"-artifact_prefix={found}/",
                              f"-max_total_time={SECONDS}", "-rss_limit_mb=1024", "-timeout=10", "-max_len=65536",
                              "-print_final_stats=1", "-verbosity=0"], env={**os.environ, "ASAN_OPTIONS": leaks})
    print(f"fuzz_{name}: {'nothing found' if process.returncode == 0 else 'see ' + str(found)}", flush=True)
    return process.returncode == 0


def main():
    if not have_libfuzzer():
        print("there is no clang with libFuzzer")
        return 77
    subprocess.run(["cmake", "--preset", "fuzz", "-B", BUILD], cwd=SOURCE, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", BUILD, "-j2", "--target", *(f"fuzz_{name}" for name in TARGETS)], check=True,
                   stdout=subprocess.DEVNULL)
    return 0 if all([fuzz(name) for name in TARGETS]) else 1


if __name__ == "__main__":
    sys.exit(main())
