"""peer_numpy.py CASE.h5 - the gradient in NumPy: all trials at once, backpropagation through time by hand."""
import sys

import numpy as np

from case import Case, report, seconds_of


def main():
    case = Case(sys.argv[1])
    w_in, w_rec, w_out = case.w_in, case.w_rec, case.w_out
    u = np.ascontiguousarray(case.input.transpose(1, 0, 2))        # [step, trial, input]
    target = np.ascontiguousarray(case.target.transpose(1, 0, 2))  # [step, trial, output]
    n_steps, n_trials, n_in = u.shape
    n_hid, n_out = len(w_rec), target.shape[2]
    n = n_steps * n_trials

    def gradient():
        drive = u @ w_in.T
        rate = np.empty((n_steps + 1, n_trials, n_hid))            # rate[k + 1] is the one of step k
        rate[0] = 0
        for k in range(n_steps):
            np.tanh(drive[k] + rate[k] @ w_rec.T, out=rate[k + 1])
        error = rate[1:] @ w_out.T - target
        dy = error * (2 / n)
        adjoint = dy @ w_out                                       # dE/dr, in the loop dE/da
        slope = 1 - rate[1:] ** 2
        adjoint[-1] *= slope[-1]
        for k in range(n_steps - 2, -1, -1):
            adjoint[k] = (adjoint[k] + adjoint[k + 1] @ w_rec) * slope[k]
        flat = adjoint.reshape(n, n_hid).T
        return np.sum(error * error) / n, (flat @ u.reshape(n, n_in), flat @ rate[:-1].reshape(n, n_hid),
                                           dy.reshape(n, n_out).T @ rate[1:].reshape(n, n_hid))

    case.check("NumPy", *gradient())
    report("NumPy, all trials at once", np.__version__, seconds_of(gradient))


main()
