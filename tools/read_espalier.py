#!/usr/bin/env python3
"""tools/read_espalier.py FILE MEMBER ARM STAGE CONDITION - one network out of a results file and one trial with it.

    tools/read_espalier.py dms_quick.h5 0 pruned rung_0.70 4

prints the mean output at the response, as computed here and as stored in the file. Members count from 0, conditions from 1:
(+,+), (-,-), (+,-), (-,+). Change what you need; read_espalier.m does the same in MATLAB and Octave.
"""
import sys

try:
    import h5py
    import numpy as np
except ImportError as missing:
    sys.exit(f"read_espalier.py: {missing} (Debian: apt-get install python3-numpy python3-h5py)")


def read_network(path, member, arm, stage):
    """W_rec [post, pre], W_in [post, input], W_out [output, unit], and the stored responses without distractor [condition]."""
    with h5py.File(path, "r") as f:
        config = f["provenance/config_resolved"][()].decode()
        if "readout: rate" not in config or "input_lag: 0" not in config:
            raise SystemExit(f"{path}: only networks with network.readout: rate and network.input_lag: 0 are run here")
        arms, stages = f["scales/arm"].asstr()[:].tolist(), f["scales/stage"].asstr()[:].tolist()
        if arm not in arms or stage not in stages or not 0 <= member < len(f["commit"]):
            raise SystemExit(f"{path}: members 0 to {len(f['commit']) - 1}, arms {', '.join(arms)}, stages {', '.join(stages)}")
        cell = member, arms.index(arm), stages.index(stage)
        if f["commit"][cell]["state"] != 1:
            raise SystemExit(f"{path}: member {member}, {arm}, {stage} is not done (see espalier status)")
        without = f["scales/strength"][:].tolist().index(0)
        return *(f["records"][name][cell] for name in ("w_rec", "w_in", "w_out")), f["records/probe_response"][cell][0, without]


def trial(condition):
    """Inputs [bin, channel] of a trial with the old cues: bins 13-14 and 40-41, response at bins 52-53."""
    u = np.zeros((58, 6))
    u[:, 0] = 1
    u[12:14, 1], u[39:41, 2] = ((1, 1), (-1, -1), (1, -1), (-1, 1))[condition - 1]
    u[57, 3:] = 1
    u[:10, 4:] = 1
    u[51:53, 5] = 1
    return u


def output(w_rec, w_in, w_out, u):
    """y(k) = W_out r(k), r(k) = tanh(W_rec r(k-1) + W_in u(k)), from rest; [bin]."""
    r, y = np.zeros(len(w_rec)), []
    for u_k in u:
        r = np.tanh(w_rec @ r + w_in @ u_k)
        y.append((w_out @ r)[0])
    return np.array(y)


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    *weights, stored = read_network(sys.argv[1], int(sys.argv[2]), *sys.argv[3:5])
    condition = int(sys.argv[5])
    print(f"computed {output(*weights, trial(condition))[51:53].mean():.17g} stored {stored[condition - 1]:.17g}")
