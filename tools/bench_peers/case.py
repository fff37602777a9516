"""The case that all peers compute, how their answers are checked, and how they are timed.

E = sum of (y - target)^2 / (n_trials n_steps);  a(k) = W_rec r(k-1) + W_in u(k),  r = tanh(a),  r(0) = 0,  y(k) = W_out r(k)
"""
import json
import statistics
import sys
import time

import h5py
import numpy as np

LOSS_TOLERANCE = 1e-12      # relative
GRADIENT_TOLERANCE = 1e-10  # of the largest entry
N_ROUNDS, N_TRIES, TRY_SECONDS = 15, 3, 0.002  # as `espalier bench` does it


class Case:
    def __init__(self, path):
        """Read a file of `espalier bench --write`."""
        with h5py.File(path, "r") as f:
            self.input, self.target = f["input"][()], f["target"][()]  # [trial, step, input], [trial, step, output]
            self.weights, self.gradient, self.loss = f["weights"][()], f["gradient"][()], f["loss"][()]
            n = int(f["n_hid"][()])
        n_in, n_out = self.input.shape[2], self.target.shape[2]
        w_in, w_rec, w_out = np.split(self.weights, [n * n_in, n * n_in + n * n])
        self.w_in = w_in.reshape(n, n_in)    # [post, input]
        self.w_rec = w_rec.reshape(n, n)     # [post, pre]
        self.w_out = w_out.reshape(n_out, n)  # [output, unit]

    def check(self, peer, loss, gradients):
        """Leave the program with a message if loss or gradient (of W_in, W_rec, W_out) are not those of the file."""
        gradient = np.concatenate([np.ravel(g) for g in gradients])
        off_loss = abs(loss - self.loss) / abs(self.loss)
        off_gradient = np.max(np.abs(gradient - self.gradient)) / np.max(np.abs(self.gradient))
        if not off_loss <= LOSS_TOLERANCE:
            sys.exit(f"{peer}: the loss differs from Espalier's by {off_loss:.1e} of it (allowed: {LOSS_TOLERANCE:.0e})")
        if not off_gradient <= GRADIENT_TOLERANCE:
            sys.exit(f"{peer}: the gradient differs from Espalier's by {off_gradient:.1e} of its largest entry "
                     f"(allowed: {GRADIENT_TOLERANCE:.0e})")


def seconds_of(compute):
    """Seconds of one call: the median of rounds, each the fastest of a few tries."""
    def one_try():
        began, n = time.perf_counter(), 0
        while True:
            compute()
            n += 1
            took = time.perf_counter() - began
            if took >= TRY_SECONDS:
                return took / n

    return statistics.median(min(one_try() for _ in range(N_TRIES)) for _ in range(N_ROUNDS))


def blas_in_use():
    """Name of the BLAS library that this process has loaded; empty if it cannot be seen."""
    try:
        with open("/proc/self/maps") as maps:
            files = {"/".join(line.split()[-1].split("/")[-2:]) for line in maps}  # directory and name
    except OSError:
        return ""
    for word, name in (("openblas", "OpenBLAS"), ("mkl_", "MKL"), ("blis", "BLIS"), ("atlas", "ATLAS"),
                       ("libblas.", "reference BLAS")):
        if any(word in file for file in files):
            return name
    return ""


def report(peer, version, seconds):
    print(json.dumps({"peer": peer, "version": version, "blas": blas_in_use(), "seconds": seconds}), flush=True)
