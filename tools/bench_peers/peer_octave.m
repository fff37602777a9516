% peer_octave.m CASE.h5 - the gradient in Octave: all trials at once, and one trial after the other.
% The arrays of the file arrive with their axes reversed: input is [input, step, trial], a matrix would be transposed.
1;

function [loss, d_in, d_rec, d_out] = all_at_once(u, target, w_in, w_rec, w_out)
  % u [input, trial, step], target [output, trial, step]
  [n_in, n_trials, n_steps] = size(u);
  n_hid = rows(w_rec);
  n_out = rows(w_out);
  n = n_trials * n_steps;
  drive = reshape(w_in * reshape(u, n_in, n), n_hid, n_trials, n_steps);
  rate = zeros(n_hid, n_trials, n_steps + 1);  % rate(:, :, k + 1) is the one of step k
  for k = 1:n_steps
    rate(:, :, k + 1) = tanh(w_rec * rate(:, :, k) + drive(:, :, k));
  end
  after = reshape(rate(:, :, 2:end), n_hid, n);
  before = reshape(rate(:, :, 1:end - 1), n_hid, n);
  err = w_out * after - reshape(target, n_out, n);
  dy = 2 / n * err;
  own = reshape(w_out' * dy, n_hid, n_trials, n_steps);
  slope = reshape(1 - after .^ 2, n_hid, n_trials, n_steps);
  adjoint = zeros(n_hid, n_trials, n_steps);   % dE/da
  later = zeros(n_hid, n_trials);
  for k = n_steps:-1:1
    now = (own(:, :, k) + w_rec' * later) .* slope(:, :, k);
    adjoint(:, :, k) = now;
    later = now;
  end
  adjoint = reshape(adjoint, n_hid, n);
  loss = sum(err(:) .^ 2) / n;
  d_in = adjoint * reshape(u, n_in, n)';
  d_rec = adjoint * before';
  d_out = dy * after';
end

function [loss, d_in, d_rec, d_out] = trial_by_trial(u, target, w_in, w_rec, w_out)
  % u [input, step, trial], target [output, step, trial]; vectors all the way, as one reads it off the equations
  [n_in, n_steps, n_trials] = size(u);
  n_hid = rows(w_rec);
  n = n_trials * n_steps;
  loss = 0;
  d_in = zeros(size(w_in));
  d_rec = zeros(size(w_rec));
  d_out = zeros(size(w_out));
  for trial = 1:n_trials
    rate = zeros(n_hid, n_steps + 1);
    err = zeros(rows(w_out), n_steps);
    for k = 1:n_steps
      rate(:, k + 1) = tanh(w_rec * rate(:, k) + w_in * u(:, k, trial));
      err(:, k) = w_out * rate(:, k + 1) - target(:, k, trial);
    end
    loss += sum(err(:) .^ 2) / n;
    adjoint = zeros(n_hid, 1);
    for k = n_steps:-1:1
      dy = 2 / n * err(:, k);
      adjoint = (w_out' * dy + w_rec' * adjoint) .* (1 - rate(:, k + 1) .^ 2);
      d_in += adjoint * u(:, k, trial)';
      d_rec += adjoint * rate(:, k)';
      d_out += dy * rate(:, k + 1)';
    end
  end
end

function check(name, file, loss, d_in, d_rec, d_out)
  gradient = [d_in.'(:); d_rec.'(:); d_out.'(:)];
  off_loss = abs(loss - file.loss) / abs(file.loss);
  off_gradient = max(abs(gradient - file.gradient(:))) / max(abs(file.gradient(:)));
  if !(off_loss <= 1e-12)
    fprintf(stderr, "%s: the loss differs from Espalier's by %.1e of it (allowed: 1e-12)\n", name, off_loss);
    exit(1);
  end
  if !(off_gradient <= 1e-10)
    fprintf(stderr, "%s: the gradient differs from Espalier's by %.1e of its largest entry (allowed: 1e-10)\n", ...
            name, off_gradient);
    exit(1);
  end
end

function seconds = seconds_of(compute)
  % The median of 15 rounds, each the fastest of three tries of at least 2 ms, as `espalier bench` does it.
  rounds = Inf(1, 15);
  for i = 1:numel(rounds)
    for attempt = 1:3
      n = 0;
      took = 0;
      began = tic;
      while took < 0.002
        [loss, d_in, d_rec, d_out] = compute();
        n++;
        took = toc(began);
      end
      rounds(i) = min(rounds(i), took / n);
    end
  end
  seconds = median(rounds);
end

file = load("-hdf5", argv(){1});
n_hid = double(file.n_hid);
n_in = rows(file.input);
n_out = rows(file.target);
n_steps = size(file.input, 2);
n_trials = size(file.input, 3);
target = reshape(file.target, n_out, n_steps, n_trials);
w = file.weights(:);
w_in = reshape(w(1:n_hid * n_in), n_in, n_hid)';
w_rec = reshape(w(n_hid * n_in + (1:n_hid ^ 2)), n_hid, n_hid)';
w_out = reshape(w(n_hid * (n_in + n_hid) + 1:end), n_hid, n_out)';
u_by_step = permute(file.input, [1 3 2]);
target_by_step = permute(target, [1 3 2]);

variants = {"Octave, all trials at once", @() all_at_once(u_by_step, target_by_step, w_in, w_rec, w_out);
            "Octave, trial by trial", @() trial_by_trial(file.input, target, w_in, w_rec, w_out)};
for i = 1:rows(variants)
  [name, compute] = variants{i, :};
  [loss, d_in, d_rec, d_out] = compute();
  check(name, file, loss, d_in, d_rec, d_out);
  printf("{\"peer\": \"%s\", \"version\": \"%s\", \"blas\": \"%s\", \"seconds\": %.9g}\n", name, version(), ...
         strtok(version("-blas"), " \t\n\"\\"), seconds_of(compute));
end
exit(0);
