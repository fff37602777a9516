function [y, stored, w_rec, w_in, w_out] = read_espalier(file, member, arm, stage, condition)
%READ_ESPALIER  One network out of a results file and one trial with it, in MATLAB and Octave.
%   [y, stored] = read_espalier('dms_quick.h5', 0, 'pruned', 'rung_0.70', 4)
%   y [58]: output by bin; stored: what the file has for mean(y(52:53)). W_rec is [post, pre], W_in [post, input].
%   Members count from 0, conditions from 1: (+,+), (-,-), (+,-), (-,+). Octave without the hdf5oct package has no h5read;
%   then load reads the numbers (all members at once) and h5dump the texts.
  config = texts(file, '/provenance/config_resolved');
  if isempty(strfind(config{1}, 'readout: rate')) || isempty(strfind(config{1}, 'input_lag: 0'))
    error('%s: only networks with network.readout: rate and network.input_lag: 0 are run here', file);
  end
  a = find(strcmp(texts(file, '/scales/arm'), arm)); s = find(strcmp(texts(file, '/scales/stage'), stage));
  if isempty(a) || isempty(s), error('%s: no arm %s or no stage %s', file, arm, stage); end
  strengths = regexp(config{1}, 'strengths: (\[[^\]]*\])', 'tokens', 'once');
  without = find(str2num(strengths{1}) == 0);
  at = {s, a, member + 1};  % HDF5 says [member, arm, stage, post, pre]; MATLAB and Octave see it from the back
  w_rec = numbers(file, 'w_rec', 2, at).'; w_in = numbers(file, 'w_in', 2, at).'; w_out = numbers(file, 'w_out', 2, at).';
  if ~any(w_rec(:)), error('%s: member %d, %s, %s is not done (see espalier status)', file, member, arm, stage); end
  stored = numbers(file, 'probe_response', 3, at);  % [condition, strength, onset]
  stored = stored(condition, without(1), 1);
  cues = [1 1; -1 -1; 1 -1; -1 1];
  u = zeros(6, 58);
  u(1, :) = 1; u(2, 13:14) = cues(condition, 1); u(3, 40:41) = cues(condition, 2);
  u(4, 58) = 1; u(5, [1:10, 58]) = 1; u(6, [1:10, 52, 53, 58]) = 1;
  r = zeros(size(w_rec, 1), 1); y = zeros(1, 58);
  for k = 1:58
    r = tanh(w_rec * r + w_in * u(:, k));
    y(k) = w_out * r;
  end
end

function w = numbers(file, name, n, at)  % a field of one cell; its n own axes come first, the fastest ahead
  if exist('h5read')
    info = h5info(file, ['/records/' name]);
    w = h5read(file, ['/records/' name], [ones(1, n), at{:}], [info.Dataspace.Size(1:n), 1, 1, 1]);
  else
    f = load('-hdf5', file, 'records'); own = repmat({':'}, 1, n);
    w = f.records.(name)(own{:}, at{:});
  end
end

function t = texts(file, name)  % as a cell array
  if exist('h5read'), t = deblank(cellstr(h5read(file, name))); return; end
  [status, dump] = system(['h5dump -d ' name ' "' file '" 2>&1']);
  if status ~= 0, error('%s: h5dump (Debian: hdf5-tools) cannot read %s\n%s', file, name, dump); end
  t = regexp(regexp(dump, 'DATA \{(.*?)\n   \}', 'match', 'once'), '"(.*?)"', 'tokens'); t = [t{:}];
end
