#!/usr/bin/env python3
"""A small Slurm of your own on this machine: nothing is configured, no system service is touched, nothing is left behind.

    eval "$(tests/slurm/private_slurm.py start)"     sinfo, sbatch, squeue ... now talk to it
    tests/slurm/private_slurm.py status
    tests/slurm/private_slurm.py stop                ends its jobs, too

Partition `host` (the default) has one node with this machine's name: mpirun starts its ranks itself. Partition `nodes` has
virtual nodes, virtual1, virtual2, ...: there mpirun starts its ranks through srun, as on a cluster. All nodes are this machine, so
shared memory between them is not what Open MPI takes it for: jobs on several nodes need OMPI_MCA_btl=self,tcp.

Needs root and, on Debian or Ubuntu, slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge. Only ports of the loopback
interface are used, whichever are free."""
import argparse
import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

FIRST = f"espalier-slurm-{os.getuid()}"  # how the names of all directories made here begin
PROGRAMS = ["munged", "mungekey", "slurmctld", "slurmd", "sinfo", "sbatch", "srun"]
DAEMONS = ["munged", "slurmctld", "slurmd", "slurmstepd"]
UNAVAILABLE = 69
READY_SECONDS = 60
ATTEMPTS = 3  # somebody else may take a port that was free
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h

CONF = """\
ClusterName=private
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
# A job that goes back into the queue waits for its credentials to expire before it may start again, two minutes by default.
AuthInfo=socket={dir}/munge.socket,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={dir}/state
SlurmctldPidFile={dir}/slurmctld.pid
SlurmctldLogFile={dir}/slurmctld.log
SlurmdPidFile={dir}/slurmd.%n.pid
SlurmdLogFile={dir}/slurmd.%n.log
SlurmdSpoolDir={dir}/spool.%n
# PMIx makes a directory for each job step there, and nodes must not share it.
TmpFS={dir}/tmp.%n
PlugStackConfig={dir}/plugstack.conf
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
# Nodes are believed to have as many processors as this file says.
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
KillWait={kill_wait}
SlurmdTimeout=300
MinJobAge=3600
JobRequeue=1
{nodes}
PartitionName=host Nodes={host} Default=YES State=UP DefaultTime=10
PartitionName=nodes Nodes={virtual} State=UP DefaultTime=10
"""


class Failure(Exception):
    status = 1


class Unavailable(Failure):
    status = UNAVAILABLE


# ---- processes ----

def proc(pid, name):
    try:
        return pathlib.Path("/proc", str(pid), name).read_bytes()
    except OSError:
        return b""


def family():
    """{parent: [children]} of all processes that are alive."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            words = proc(entry, "stat").rpartition(b")")[2].split()
            if len(words) > 1 and words[0] not in b"ZX":
                children.setdefault(int(words[1]), []).append(int(entry))
    return children


def descendants(pids):
    children, found, new = family(), [], list(pids)
    while new:
        new = [child for pid in new for child in children.get(pid, [])]
        found += new
    return found


def is_alive(pid):
    return proc(pid, "stat").rpartition(b")")[2].split()[:1] not in ([], [b"Z"], [b"X"])


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def kill_orphans(place):
    """Daemons of a Slurm whose keeper was killed, and whatever they have started."""
    for _ in range(100):
        left = [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and
                proc(entry, "comm").decode(errors="replace").strip() in DAEMONS and
                (bytes(place) + b"/" in proc(entry, "cmdline") or bytes(place) + b"/" in proc(entry, "environ"))]
        left = [pid for pid in left if is_alive(pid)]
        if not left:
            return
        kill(descendants(left) + left)
        time.sleep(0.1)


# ---- directories ----

def lock(place):
    """The keeper of a Slurm holds a lock for as long as it lives. None: somebody has it."""
    descriptor = os.open(place / "keeper.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    except BlockingIOError:
        os.close(descriptor)
        return None


def sweep(parent):
    """Remove what is left of those whose keeper was killed."""
    for place in parent.glob(FIRST + "*"):
        if not (place / "keeper.lock").exists():
            continue  # another one that is just being made
        held = lock(place)
        if held is not None:
            kill_orphans(place)
            shutil.rmtree(place, ignore_errors=True)
            os.close(held)


# ---- start ----

def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def write_conf(place, n_nodes, cpus, kill_wait):
    host = socket.gethostname().split(".")[0]
    names = [host] + [f"virtual{i + 1}" for i in range(n_nodes)]
    ports = free_ports(len(names) + 1)
    nodes = "\n".join(f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory={1024 * cpus}"
                      for name, port in zip(names, ports[1:]))
    (place / "plugstack.conf").write_text("")
    (place / "slurm.conf").write_text(CONF.format(dir=place, host=host, port=ports[0], nodes=nodes, kill_wait=kill_wait,
                                                  virtual=",".join(names[1:])))
    for name in names:
        (place / f"spool.{name}").mkdir()
        (place / f"tmp.{name}").mkdir()
        (place / f"tmp.{name}").chmod(0o1777)
    (place / "state").mkdir()
    return names


def end_with_parent(number):
    """For a new process: this signal will come when its parent has died."""
    return lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def start_daemons(place, names):
    """All in the foreground, as children of this process. [(name, Popen)]"""
    env = {**os.environ, "SLURM_CONF": str(place / "slurm.conf")}
    subprocess.run(["mungekey", "--create", f"--keyfile={place}/munge.key"], check=True, stdin=subprocess.DEVNULL)
    commands = [["munged", "--foreground", f"--key-file={place}/munge.key", f"--socket={place}/munge.socket",
                 f"--pid-file={place}/munged.pid", f"--seed-file={place}/munged.seed", f"--log-file={place}/munged.log"],
                ["slurmctld", "-D", "-f", f"{place}/slurm.conf"]]
    commands += [["slurmd", "-D", "-f", f"{place}/slurm.conf", "-N", name] for name in names]
    daemons = []
    for command in commands:
        with open(place / f"{command[0]}.out", "ab") as out:
            daemons.append((command[0], subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env,
                                                         cwd=place, preexec_fn=end_with_parent(signal.SIGKILL))))
        if command[0] == "munged":
            wait_for(lambda: (place / "munge.socket").exists(), daemons)
    return daemons


def wait_for(condition, daemons):
    end = time.monotonic() + READY_SECONDS
    while not condition():
        for name, process in daemons:
            if process.poll() is not None:
                raise Failure(f"{name} has ended with status {process.returncode}")
        if time.monotonic() > end:
            raise Failure(f"not ready after {READY_SECONDS} s")
        time.sleep(0.05)


def all_idle(place, n):
    done = subprocess.run(["sinfo", "-h", "-N", "-o", "%T"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, "SLURM_CONF": str(place / "slurm.conf")})
    return done.stdout.split() == ["idle"] * n


def complaints(place):
    """The last that the daemons had to say of errors."""
    lines = [f"{log.name}: {line}" for log in sorted([*place.glob("*.log"), *place.glob("*.out")])
             for line in log.read_text(errors="replace").splitlines() if "error" in line or "fatal" in line]
    return "\n".join(lines[-12:])


def keep(place, args, answer):
    """The keeper: parent of all daemons, and of all that lose their own parent; ends them when it is told to or its owner ends."""
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(1))
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        names = write_conf(place, args.nodes, args.cpus, args.kill_wait)
        daemons = start_daemons(place, names)
        wait_for(lambda: all_idle(place, len(names)), daemons)
        os.write(answer, b"ready")
        os.close(answer)
        while not told and (args.owner is None or is_alive(args.owner)):
            time.sleep(0.2)
            reap()
    except Exception as problem:
        os.write(answer, f"{problem}\n{complaints(place)}".encode())
    finally:
        while True:
            left = descendants([os.getpid()])
            if not left:
                break
            kill(left)
            reap()
            time.sleep(0.02)
        shutil.rmtree(place, ignore_errors=True)


def reap():
    """Wait for all children that have ended, the adopted ones, too."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def check_machine():
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # of users it may lack them
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        raise Unavailable(f"not installed: {' '.join(missing)}; apt-get install --no-install-recommends "
                          "slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge")
    if os.geteuid() != 0:
        raise Unavailable("slurmd runs as root only, and this is not root")


def start(args):
    check_machine()
    sweep(args.dir.parent)
    for _ in range(ATTEMPTS):
        try:
            args.dir.mkdir(mode=0o755)
        except FileExistsError:
            if not running(args.dir):
                raise Failure(f"{args.dir} is in the way; remove it, or name another place with --dir")
            said = "ready"
        else:
            said = fork_keeper(args)
        if said == "ready":
            print_settings(args.dir)
            return
    raise Failure(said or "the keeper has ended without a word")


def fork_keeper(args):
    """What it has to say when all is ready, or when it has given up."""
    held = lock(args.dir)
    if held is None:
        return "another start took it for left behind"
    heard, answer = os.pipe()
    if os.fork() == 0:
        os.close(heard)
        os.setsid()
        with open(args.dir / "keeper.log", "ab") as log, open(os.devnull) as nothing:
            os.dup2(nothing.fileno(), 0)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.ftruncate(held, 0)
        os.write(held, str(os.getpid()).encode())
        try:
            keep(args.dir, args, answer)
        finally:
            os._exit(0)
    os.close(answer)
    os.close(held)
    with os.fdopen(heard, "rb") as pipe:
        return pipe.read().decode(errors="replace")


def print_settings(place):
    print(f"export SLURM_CONF={place}/slurm.conf")


# ---- stop, status ----

def running(place):
    """The keeper's number, or None."""
    if not (place / "keeper.lock").exists():
        return None
    held = lock(place)
    if held is None:
        return int((place / "keeper.lock").read_text() or 0)
    os.close(held)
    return None


def stop(args):
    keeper = running(args.dir)
    if keeper:
        os.kill(keeper, signal.SIGTERM)
        while is_alive(keeper):
            time.sleep(0.05)
    sweep(args.dir.parent)


def status(args):
    keeper = running(args.dir)
    if not keeper:
        raise Failure(f"no Slurm runs in {args.dir}")
    print(f"kept by process {keeper} in {args.dir}")
    subprocess.run(["sinfo"], env={**os.environ, "SLURM_CONF": str(args.dir / "slurm.conf")}, check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["start", "stop", "status"])
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir(), FIRST),
                        help="where it has its files (default: %(default)s); the name has to begin like this one")
    parser.add_argument("--nodes", type=int, default=2, help="virtual nodes (default: %(default)s)")
    parser.add_argument("--cpus", type=int, default=64, help="processors of each node, true or not (default: %(default)s)")
    parser.add_argument("--kill-wait", type=int, default=30, metavar="S",
                        help="seconds between TERM and KILL when a job is ended (default: %(default)s, as on most clusters)")
    parser.add_argument("--owner", type=int, metavar="PID", help="stop when this process has ended")
    args = parser.parse_args()
    args.dir = args.dir.absolute()
    if not args.dir.name.startswith(FIRST):
        parser.error(f"--dir {args.dir}: the name has to begin with {FIRST}")
    try:
        {"start": start, "stop": stop, "status": status}[args.command](args)
    except Failure as failure:
        print(f"private_slurm: {failure}", file=sys.stderr)
        sys.exit(failure.status)


if __name__ == "__main__":
    main()
