"""peer_torch.py CASE.h5 - the gradient in PyTorch by autograd, double precision: with nn.RNN, and with a loop over steps."""
import sys

import torch
from torch import nn

from case import Case, report, seconds_of


def with_module(case, u, target):
    """nn.RNN as a user of PyTorch would write it."""
    n_hid, n_in = case.w_in.shape
    rnn = nn.RNN(n_in, n_hid, nonlinearity="tanh", bias=False, dtype=torch.float64)
    readout = nn.Linear(n_hid, target.shape[2], bias=False, dtype=torch.float64)
    weights = [rnn.weight_ih_l0, rnn.weight_hh_l0, readout.weight]
    with torch.no_grad():
        for weight, value in zip(weights, (case.w_in, case.w_rec, case.w_out)):
            weight.copy_(torch.from_numpy(value))

    def gradient():
        for weight in weights:
            weight.grad = None
        rate, _ = rnn(u)
        loss = ((readout(rate) - target) ** 2).sum() / (u.shape[0] * u.shape[1])
        loss.backward()
        return loss.item(), [weight.grad.numpy() for weight in weights]

    return gradient


def with_loop(case, u, target):
    """The recursion written out, all trials at once."""
    weights = [torch.from_numpy(w.copy()).requires_grad_() for w in (case.w_in, case.w_rec, case.w_out)]
    rest = torch.zeros(u.shape[1], case.w_rec.shape[0], dtype=torch.float64)

    def gradient():
        w_in, w_rec, w_out = weights
        rate, rates = rest, []
        for drive in (u @ w_in.T).unbind():
            rate = torch.tanh(torch.addmm(drive, rate, w_rec.T))
            rates.append(rate)
        loss = ((torch.stack(rates) @ w_out.T - target) ** 2).sum() / (u.shape[0] * u.shape[1])
        return loss.item(), [g.numpy() for g in torch.autograd.grad(loss, weights)]

    return gradient


def main():
    torch.set_num_threads(1)
    case = Case(sys.argv[1])
    u = torch.from_numpy(case.input).transpose(0, 1).contiguous()        # [step, trial, input]
    target = torch.from_numpy(case.target).transpose(0, 1).contiguous()  # [step, trial, output]
    for name, variant in (("nn.RNN", with_module), ("loop over steps", with_loop)):
        gradient = variant(case, u, target)
        case.check(f"PyTorch, {name}", *gradient())
        report(f"PyTorch, {name}", torch.__version__, seconds_of(gradient))


main()
