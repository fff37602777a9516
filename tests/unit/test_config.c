/* test_config.c - broken configurations and their messages, numbers, overrides, shipped examples, resolved text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "espalier/config.h"

#define DMS "experiment: dms\n"
#define BANDIT "experiment: bandit\n"
#define LEVER "experiment: lever\n"

/* --- broken texts: exactly these messages ---------------------------------------------------------------------------- */

typedef struct {
  const char *text, *set; /* set: one override or NULL                                      */
  const char *expected;   /* the beginning of the only fault; part of it if it begins with ~ */
} broken_case;

static const broken_case broken[] = {
    /* nothing there */
    {"", NULL, "c.yaml:1:1: the file is empty or holds only comments; it needs at least 'experiment: dms'"},
    {"# only this\n", NULL, "c.yaml:1:1: the file is empty"},
    {"---\n", NULL, "c.yaml:1:1: the file is empty"},
    {"seed: 1\n", NULL, "c.yaml:1:1: the required key experiment is missing; write 'experiment: dms', 'experiment: scratch', 'experiment: bandit' or 'experiment: lever'"},
    {"- a\n- b\n", NULL, "c.yaml:1:1: found a list; allowed: keys with values, such as 'experiment: dms'"},
    {"hello\n", NULL, "c.yaml:1:1: found a single value; allowed: keys with values"},

    /* unknown keys */
    {DMS "network:\n  n_hdi: 30\n", NULL,
     "c.yaml:3:3: unknown key 'n_hdi' in section network; allowed: n_hid, readout, input_lag, w_in_sd, w_rec_sd, "
     "w_rec_diagonal, w_out_sd (did you mean n_hid?)\n"},
    {DMS "netwrok:\n  n_hid: 30\n", NULL,
     "c.yaml:2:1: unknown key 'netwrok' at the top level; allowed: experiment, seed, ensemble, network, task, training, "
     "ladder, transfer, probe (did you mean network?)\n"},
    {DMS "n_hid: 30\n", NULL, "~ (n_hid belongs to section network)\n"},
    {DMS "network.n_hid: 30\n", NULL, "~ (write 'n_hid' on a line of its own, indented beneath 'network:')\n"},
    {DMS "network:\n  seed: 3\n", NULL, "~c.yaml:3:3: unknown key 'seed' in section network"},
    {DMS "network:\n  seed: 3\n", NULL, "~ (seed belongs to the top level)\n"},
    {DMS "network:\n  sigma: 3\n", NULL, "~ (sigma belongs to section training)\n"},
    {DMS "task:\n  n_hdi: 3\n", NULL, "~ (did you mean network.n_hid?)\n"},
    {DMS "Seed: 3\n", NULL, "~c.yaml:2:1: unknown key 'Seed' at the top level"},
    {DMS "Seed: 3\n", NULL, "~ (did you mean seed?)\n"},
    {DMS "task:\n  trials: 3\n", NULL, "~ (did you mean trials_per_condition?)\n"},
    {DMS "x\x01y: 3\n", NULL, "c.yaml:2:2: an invisible control character (code 1); delete it\n"},
    {DMS "\"a\\tb\": 3\n", NULL, "c.yaml:2:1: unknown key 'a?b' at the top level"},
    {DMS "[a]: 3\n", NULL, "c.yaml:2:1: a list cannot be a key; write a word\n"},

    /* twice */
    {DMS "seed: 1\nseed: 2\n", NULL, "c.yaml:3:1: key 'seed' is given twice, first on line 2; keep one of them\n"},
    {DMS "task:\n  input_noise_sd: 0\ntask:\n  target_noise_sd: 1\n", NULL, "c.yaml:4:1: key 'task' is given twice, first on line 2"},

    /* wrong kind */
    {DMS "network:\n  n_hid: [30]\n", NULL, "c.yaml:3:10: network.n_hid: found a list; allowed: an integer from 1 to 4096\n"},
    {DMS "network:\n  n_hid:\n    x: 1\n", NULL, "c.yaml:4:5: network.n_hid: found a section of keys; allowed: an integer"},
    {DMS "network: 30\n", NULL, "c.yaml:2:10: network: found the value '30'; allowed: keys with values, indented beneath 'network:'\n"},
    {DMS "network: [30]\n", NULL, "c.yaml:2:10: network: found a list; allowed: keys with values"},
    {DMS "network:\n  n_hid: yes\n", NULL,
     "c.yaml:3:10: network.n_hid: 'yes' is not a number (no key here is a yes/no switch); allowed: an integer from 1 to 4096\n"},
    {DMS "network:\n  n_hid: \"30\"\n", NULL,
     "c.yaml:3:10: network.n_hid: '30' is in quotes, so it is text, not a number; write it without quotes; allowed: an integer"},
    {DMS "network:\n  n_hid:\n", NULL, "c.yaml:3:9: network.n_hid: there is no value; allowed: an integer from 1 to 4096\n"},
    {DMS "network:\n  n_hid: ~\n", NULL, "c.yaml:3:10: network.n_hid: '~' is not a number; allowed"},
    {DMS "network:\n  readout: [rate]\n", NULL, "c.yaml:3:12: network.readout: found a list; allowed: rate, latent\n"},
    {DMS "ladder:\n  fractions: 0.7\n", NULL,
     "c.yaml:3:14: ladder.fractions: '0.7' is not a list; allowed: a list of 1 to 64 increasing numbers above 0 and below 1, "
     "such as [0.5, 0.7]\n"},
    {DMS "ladder:\n  fractions: [0.5, [0.7]]\n", NULL, "c.yaml:3:20: ladder.fractions: found a list in the list; allowed"},
    {"experiment: [dms]\n", NULL, "c.yaml:1:13: experiment: found a list; allowed: dms, scratch, bandit, lever\n"},

    /* numbers that are not */
    {DMS "network:\n  n_hid: 30.0\n", NULL, "c.yaml:3:10: network.n_hid: '30.0' is not written as an integer (write 30); allowed"},
    {DMS "network:\n  n_hid: 1e2\n", NULL, "c.yaml:3:10: network.n_hid: '1e2' is not written as an integer (write 100); allowed"},
    {DMS "network:\n  n_hid: 30.5\n", NULL, "c.yaml:3:10: network.n_hid: '30.5' is not written as an integer; allowed"},
    {DMS "network:\n  n_hid: 0x1E\n", NULL, "c.yaml:3:10: network.n_hid: '0x1E' is not a number (write it in decimal); allowed"},
    {DMS "network:\n  n_hid: 1_000\n", NULL,
     "c.yaml:3:10: network.n_hid: '1_000' is not a number (write digits without underscores); allowed"},
    {DMS "network:\n  n_hid: 030\n", NULL, "c.yaml:3:10: network.n_hid: '030' begins with 0, which some programs read as octal"},
    {DMS "network:\n  n_hid: 30 units\n", NULL, "c.yaml:3:10: network.n_hid: '30 units' is not a number; allowed"},
    {DMS "network:\n  w_in_sd: .inf\n", NULL, "c.yaml:3:12: network.w_in_sd: '.inf' is not a number (it must be finite); allowed"},
    {DMS "network:\n  w_in_sd: nan\n", NULL, "c.yaml:3:12: network.w_in_sd: 'nan' is not a number (it must be finite); allowed"},
    {DMS "network:\n  w_in_sd: 0x1p3\n", NULL, "c.yaml:3:12: network.w_in_sd: '0x1p3' is not a number (write it in decimal); allowed"},
    {DMS "network:\n  w_in_sd: 0,2\n", NULL, "c.yaml:3:12: network.w_in_sd: '0,2' is not a number (the decimal sign is a point); allowed"},
    {DMS "network:\n  w_in_sd: 1e\n", NULL, "c.yaml:3:12: network.w_in_sd: '1e' is not a number; allowed"},
    {DMS "network:\n  w_in_sd: .\n", NULL, "c.yaml:3:12: network.w_in_sd: '.' is not a number; allowed"},
    {DMS "training:\n  sigma: 1e-999\n", NULL, "c.yaml:3:10: training.sigma: '1e-999' is too small for a double; allowed"},
    {DMS "network:\n  w_in_sd: 1e999\n", NULL, "c.yaml:3:12: network.w_in_sd: '1e999' is too large for a double; allowed"},

    /* out of range */
    {DMS "network:\n  n_hid: 0\n", NULL, "c.yaml:3:10: network.n_hid: '0' is out of range; allowed: an integer from 1 to 4096\n"},
    {DMS "network:\n  n_hid: 4097\n", NULL, "c.yaml:3:10: network.n_hid: '4097' is out of range"},
    {DMS "network:\n  n_hid: 99999999999999999999999\n", NULL, "c.yaml:3:10: network.n_hid: '99999999999999999999999' is out of range"},
    {DMS "network:\n  n_hid: 4294967297\n", NULL, "c.yaml:3:10: network.n_hid: '4294967297' is out of range"},
    {DMS "network:\n  n_hid: -3\n", NULL, "c.yaml:3:10: network.n_hid: '-3' is out of range"},
    {DMS "seed: -1\n", NULL, "c.yaml:2:7: seed: '-1' is out of range; allowed: an integer from 0 to 18446744073709551615\n"},
    {DMS "seed: 18446744073709551616\n", NULL, "c.yaml:2:7: seed: '18446744073709551616' is out of range"},
    {DMS "training:\n  sigma: 0\n", NULL, "c.yaml:3:10: training.sigma: '0' is out of range; allowed: a number above 0, at most 1\n"},
    {DMS "ensemble:\n  max_failed_fraction: 1.1\n", NULL,
     "c.yaml:3:24: ensemble.max_failed_fraction: '1.1' is out of range; allowed: a number from 0 to 1\n"},
    {DMS "task:\n  target_noise_sd: 0\n", NULL,
     "c.yaml:3:20: task.target_noise_sd: '0' is out of range; allowed: a number above 0, at most 100\n"},
    {DMS "transfer:\n  from: 1\n", NULL, "c.yaml:3:9: transfer.from: '1' is out of range; allowed: a number at least 0, below 1\n"},
    {"experiment: scratch\nscratch:\n  prune_fraction: 0\n", NULL,
     "c.yaml:3:19: scratch.prune_fraction: '0' is out of range; allowed: a number above 0 and below 1\n"},

    /* choices */
    {DMS "training:\n  scg: publised\n", NULL,
     "c.yaml:3:8: training.scg: 'publised' is not one of the choices; allowed: published, deposited, moller (did you mean "
     "published?)\n"},
    {"experiment: dsm\n", NULL, "c.yaml:1:13: experiment: 'dsm' is not one of the choices; allowed: dms, scratch, bandit, lever (did you mean dms?)\n"},
    {DMS "ladder:\n  ties: Row_Major\n", NULL, "~ (did you mean row_major?)\n"},
    {DMS "ladder:\n  ties: backwards\n", NULL, "~allowed: row_major, column_major\n"},

    /* ladders */
    {DMS "ladder:\n  fractions: [0.7, 0.5]\ntransfer:\n  from: 0.7\n", NULL,
     "c.yaml:3:20: ladder.fractions: 0.5 comes after 0.7, but the fractions must increase; allowed"},
    {DMS "ladder:\n  fractions: [0.7, 0.7]\n", NULL, "c.yaml:3:20: ladder.fractions: 0.7 comes after 0.7, but"},
    {DMS "ladder:\n  fractions: [0.7, 1]\n", NULL, "c.yaml:3:20: ladder.fractions: '1' is out of range; allowed"},
    {DMS "ladder:\n  fractions:\n    - 0\n    - 0.7\n", NULL, "c.yaml:4:7: ladder.fractions: '0' is out of range; allowed"},
    {DMS "ladder:\n  fractions: []\n", NULL, "c.yaml:3:14: ladder.fractions: the list is empty; allowed"},
    {DMS "transfer:\n  from: 0.71\n", NULL,
     "c.yaml:3:9: transfer.from is 0.71, which is not a rung; allowed: 0 (no transfer) or one of ladder.fractions [0.1, 0.15, "},
    {DMS "ladder:\n  fractions: [0.5, 0.9]\n", NULL,
     "c.yaml:3:14: transfer.from is 0.7 (its default), which is not a rung; allowed: 0 (no transfer) or one of ladder.fractions "
     "[0.5, 0.9]\n"},

    /* keys of another experiment */
    {"experiment: scratch\ntransfer:\n  calls: 5\n", NULL,
     "c.yaml:2:1: experiment scratch has no section transfer; it belongs to experiment dms, remove it here\n"},
    {DMS "scratch:\n  calls: 5\n", NULL, "c.yaml:2:1: experiment dms has no section scratch; it belongs to experiment scratch"},
    {"experiment: scratch\nladder:\n  fractions: [0.5]\n", NULL,
     "c.yaml:3:3: experiment scratch has no key ladder.fractions; it belongs to experiments dms and bandit, remove it here\n"},
    {"experiment: scratch\ntraining:\n  max_calls: 5\n", NULL, "c.yaml:3:3: experiment scratch has no key training.max_calls;"},
    {BANDIT "lever:\n  hours: 5\n", NULL, "c.yaml:2:1: experiment bandit has no section lever; it belongs to experiment lever, remove it here\n"},
    {BANDIT "probe:\n  onsets: [16]\n", NULL,
     "c.yaml:2:1: experiment bandit has no section probe; it belongs to experiments dms and scratch, remove it here\n"},
    {LEVER "network:\n  n_hid: 5\n", NULL,
     "c.yaml:2:1: experiment lever has no section network; it belongs to experiments dms, scratch and bandit, remove it here\n"},
    {LEVER, "ladder.ties=row_major", "--set ladder.ties=row_major: experiment lever has no key ladder.ties; it belongs to experiments dms, "
                                     "scratch and bandit\n"},
    {BANDIT, "lever=3", "--set lever=3: experiment bandit has no section lever; it belongs to experiment lever\n"},
    {BANDIT, "lever.x=3", "--set lever.x=3: experiment bandit has no section lever; it belongs to experiment lever\n"},
    {"experiment: scratch\n", "ladder=3", "--set ladder=3: ladder is a section, not a key; name one of its keys, such as ladder.criterion\n"},
    {DMS "lever.hours: 3\n", NULL, "~ladder, transfer, probe\n"}, /* and no advice to write it beneath 'lever:' */

    /* YAML that is not, or not here */
    {DMS "network:\n\tn_hid: 30\n", NULL, "c.yaml:3:1: a tab cannot indent a line; use spaces\n"},
    {DMS "network: n_hid: 30\n", NULL, "c.yaml:2:15: a second ':' on this line, or an indentation that does not fit;"},
    {DMS "task:\n  input_noise_sd: 0\n target_noise_sd: 1\n", NULL, "c.yaml:4:2: this line does not fit those above it; indent"},
    {DMS "ladder:\n  fractions: [0.5, 0.7\nseed: 3\n", NULL, "c.yaml:3:14: a list is not closed or a comma is missing; write it as"},
    {DMS "seed: \"3\n", NULL, "c.yaml:2:7: a quotation mark is opened and never closed; close it\n"},
    {DMS "seed: @3\n", NULL, "c.yaml:2:7: the character '@' cannot begin a value; put the value in quotes\n"},
    {DMS "seed: &s 3\n", NULL, "c.yaml:2:7: anchors and aliases (&s, *s) are not used here; write the value out\n"},
    {DMS "seed: *s\n", NULL, "c.yaml:2:7: anchors and aliases (&s, *s) are not used here"},
    {DMS "network: *n\n", NULL, "c.yaml:2:10: anchors and aliases (&n, *n) are not used here"},
    {DMS "seed: !!int 3\n", NULL, "c.yaml:2:7: tags (tag:yaml.org,2002:int) are not used here; write the value alone\n"},
    {DMS "---\n" DMS, NULL, "c.yaml:2:1: a second document begins here; a file holds one configuration: split the file at '---'\n"},
    {DMS "x: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n", NULL, "c.yaml:2:19: nested more than 16 deep;"},
    {DMS "# caf\xE9\n", NULL, "c.yaml:2:6: a byte that is not UTF-8 text"},
    {"\xFF\xFE" "e\n", NULL, "c.yaml:1:1: the text is UTF-16; save the file as UTF-8\n"},

    /* overrides */
    {DMS, "seed", "--set seed: it is not of the form key=value, such as network.n_hid=30\n"},
    {DMS, "=3", "--set =3: it is not of the form key=value"},
    {DMS, "seed=", "--set seed=: there is no value; allowed: an integer from 0"},
    {DMS, "seed=1\n", "--set seed=1?: it holds a line break; write it on one line\n"},
    {DMS, "network.n_hid=0", "--set network.n_hid=0: '0' is out of range; allowed: an integer from 1 to 4096\n"},
    {DMS, "network.n_hid=\"30\"", "--set network.n_hid=\"30\": '30' is in quotes, so it is text"},
    {DMS, "network.n_hdi=3", "--set network.n_hdi=3: unknown key 'n_hdi' in section network; allowed: n_hid, "},
    {DMS, "netwrok.n_hid=3", "--set netwrok.n_hid=3: there is no section 'netwrok'; n_hid is written network.n_hid\n"},
    {DMS, "netwrok.n_hidd=3", "~ (did you mean network?)\n"},
    {DMS, "n_hid=3", "~ (n_hid belongs to section network)\n"},
    {DMS, "network=3", "--set network=3: network is a section, not a key; name one of its keys, such as network.n_hid\n"},
    {DMS, "training.scg=muller", "--set training.scg=muller: 'muller' is not one of the choices; allowed: published, deposited, "
                                 "moller (did you mean moller?)\n"},
    {DMS, "ladder.fractions=[0.5, 0.4]", "--set ladder.fractions=[0.5, 0.4]: 0.4 comes after 0.5, but the fractions must increase;"},
    {DMS, "ladder.fractions=[0.5", "--set ladder.fractions=[0.5: a list is not closed or a comma is missing;"},
    {DMS, "ladder.fractions=[0.5]", "--set ladder.fractions=[0.5]: transfer.from is 0.7 (its default), which is not a rung;"},
    {DMS, "scratch.calls=3", "--set scratch.calls=3: experiment dms has no key scratch.calls; it belongs to experiment scratch\n"},
    {DMS, "experiment=nothing", "--set experiment=nothing: 'nothing' is not one of the choices; allowed: dms, scratch, bandit, lever\n"},
    {DMS "seed: x\n", "seed=3", "c.yaml:2:7: seed: 'x' is not a number; allowed"},
    {DMS "ladder:\n  noise: paired\n", "experiment=scratch", "c.yaml:3:3: experiment scratch has no key ladder.noise;"},

    /* the bandit: levels and rungs that are there, and no more than there are arms for */
    {BANDIT "ladder:\n  value_noise: [0.01, 1]\n", NULL,
     "c.yaml:3:16: new_option.ladder is 0.1 (its default), which is not a level; allowed: one of ladder.value_noise [0.01, 1]\n"},
    {BANDIT "new_option:\n  ladder: 0.2\n", NULL,
     "c.yaml:3:11: new_option.ladder is 0.2, which is not a level; allowed: one of ladder.value_noise [0.01, 0.1, 1]\n"},
    {BANDIT "new_option:\n  from: 0.6\n", NULL,
     "c.yaml:3:9: new_option.from is 0.6, which is not a rung; allowed: 0 (no new option) or one of ladder.fractions "
     "[0.1, 0.3, 0.5, 0.7, 0.9]\n"},
    {BANDIT "ladder:\n  fractions: [0.3, 0.9]\n", NULL,
     "c.yaml:3:14: new_option.from is 0.7 (its default), which is not a rung; allowed: 0 (no new option) or one of "
     "ladder.fractions [0.3, 0.9]\n"},
    {BANDIT, "ladder.fractions=[0.5]", "--set ladder.fractions=[0.5]: new_option.from is 0.7 (its default), which is not a rung;"},
    {BANDIT, "new_option.ladder=0.5", "--set new_option.ladder=0.5: new_option.ladder is 0.5, which is not a level;"},
    {BANDIT "ladder:\n  value_noise: [0.01, 0.1, 0.5, 1, 2]\n", NULL, "c.yaml:3:16: ladder.value_noise has 5 levels; allowed: at most 4\n"},
    {BANDIT "new_option:\n  from: 0\nladder:\n  value_noise: [1, 2, 3, 4, 5, 6]\n", NULL,
     "c.yaml:5:16: ladder.value_noise has 6 levels; allowed: at most 4\n"},
    {BANDIT "ladder:\n  value_noise: []\n", NULL, "~ladder.value_noise: "},
    {BANDIT "ladder:\n  value_noise: [0.1, 0.1]\n", NULL, "~ladder.value_noise: "},
    {BANDIT "ladder:\n  value_noise: [-0.1]\n", NULL, "~ladder.value_noise: "},
    {BANDIT "bandit:\n  agents: 1\n", NULL, "c.yaml:3:11: bandit.agents: '1' is out of range; allowed: an integer from 2 to "},
    {BANDIT "evaluation:\n  lyapunov_agents: 0\n", NULL, "c.yaml:3:20: evaluation.lyapunov_agents: '0' is out of range; allowed: an integer from 2 to "},
    {BANDIT "bandit:\n  epsilon: 1.1\n", NULL, "c.yaml:3:12: bandit.epsilon: '1.1' is out of range; allowed: a number from 0 to 1\n"},
    {BANDIT "bandit:\n  noise: paired\n", NULL, "c.yaml:3:10: bandit.noise: 'paired' is not one of the choices; allowed: shared, independent\n"},
    {BANDIT "training:\n  start_check: fresh\n", NULL,
     "c.yaml:3:16: training.start_check: 'fresh' is not one of the choices; allowed: deposited, fresh_block"},
    {BANDIT "bandit:\n  block_calls: 0\n", NULL, "c.yaml:3:16: bandit.block_calls: '0' is out of range; allowed: an integer from "},

    /* and keys that belong to one kind of experiment */
    {BANDIT "network:\n  input_lag: 1\n", NULL, "c.yaml:3:3: experiment bandit has no key network.input_lag;"},
    {BANDIT "training:\n  max_calls: 1\n", NULL, "c.yaml:3:3: experiment bandit has no key training.max_calls;"},
    {BANDIT "ladder:\n  noise: paired\n", NULL, "c.yaml:3:3: experiment bandit has no key ladder.noise;"},
    {BANDIT "task:\n  trials_per_condition: 3\n", NULL, "~experiment bandit has no "},
    {BANDIT "probe:\n  strengths: [1]\n", NULL, "~experiment bandit has no "},
    {DMS "bandit:\n  agents: 3\n", NULL, "~experiment dms has no "},
    {DMS "evaluation:\n  agents: 3\n", NULL, "~experiment dms has no "},
    {DMS "ladder:\n  value_noise: [0.1]\n", NULL, "c.yaml:3:3: experiment dms has no key ladder.value_noise;"},
    {DMS "training:\n  start_calls: 10\n", NULL, "c.yaml:3:3: experiment dms has no key training.start_calls;"},
    {DMS "lever:\n  hours: 10\n", NULL, "~experiment dms has no "},
    {LEVER "network:\n  n_hid: 10\n", NULL, "~experiment lever has no "},
    {LEVER "ensemble:\n  checkpoint_interval: 10\n", NULL, "c.yaml:3:3: experiment lever has no key ensemble.checkpoint_interval;"},

    /* the lever: times that are whole multiples of one another, and pairs that fit */
    {LEVER "lever:\n  hours: 24\n", NULL,
     "c.yaml:3:10: lever.switch_hour is 24 (its default) and lever.hours is 24; allowed: a switch before the end\n"},
    {LEVER "lever:\n  hours: 48.5\n", NULL,
     "c.yaml:3:10: lever.hours is 48.5 and lever.segment_min is 60 (its default); allowed: a whole number of segments\n"},
    {LEVER "lever:\n  unrewarded_hours: 0\n", "lever.switch_hour=0.5", "--set lever.switch_hour=0.5: lever.switch_hour is 0.5 and lever.segment_min is 60 (its default); "
                                     "allowed: a switch between two segments\n"},
    {LEVER "lever:\n  snapshot_min: 7\n  unrewarded_hours: 0\n", NULL,
     "c.yaml:3:17: lever.segment_min is 60 (its default) and lever.snapshot_min is 7; allowed: a whole number of snapshots in a segment\n"},
    {LEVER "lever:\n  unrewarded_hours: 335\n", NULL,
     "c.yaml:3:21: lever.unrewarded_hours is 335 and lever.unrewarded_step_hours is 6 (its default); allowed: a whole number of stages\n"},
    {LEVER "lever:\n  unrewarded_trials_min: 360\n", NULL,
     "c.yaml:3:26: lever.unrewarded_trials_min is 360 and lever.unrewarded_step_hours is 6 (its default); allowed: less than the stage\n"},
    {LEVER "lever:\n  unrewarded_trials_min: 15\n", NULL, "~a whole number of snapshots in the trials\n"},
    {LEVER "lever:\n  unrewarded_hours: 335.9\n  unrewarded_step_hours: 335.9\n  consolidation_hour: 0\n", NULL,
     "~a whole number of snapshots in a stage\n"},
    {LEVER "lever:\n  consolidation_hour: 95\n", NULL,
     "c.yaml:3:23: lever.consolidation_hour is 95 and lever.unrewarded_step_hours is 6 (its default); allowed: 0 (no consolidation), or "
     "lever.switch_hour and a whole number of lever.unrewarded_step_hours after it\n"},
    {LEVER, "lever.switch_hour=23",
     "--set lever.switch_hour=23: lever.consolidation_hour is 96 (its default) and lever.switch_hour is 23; allowed: "},
    {LEVER "lever:\n  consolidation_hour: 18\n", NULL, "~allowed: 0 (no consolidation), or not before the switch\n"},
    {LEVER "lever:\n  consolidation_hour: 360\n", NULL, "~or before the end of the time without reward"},
    {LEVER "synapses:\n  update_ms: 1.5\n", NULL,
     "c.yaml:3:14: synapses.update_ms is 1.5 and neurons.dt_ms is 1 (its default); allowed: a whole number of steps between updates\n"},
    {LEVER "neurons:\n  dt_ms: 0.01\n", "lever.segment_min=360", "~fewer than 2^31 time steps in a segment\n"},
    {LEVER "lever:\n  unrewarded_step_hours: 48\n  unrewarded_trials_min: 1440\n  consolidation_hour: 0\n", "neurons.dt_ms=0.01",
     "c.yaml:4:26: lever.unrewarded_trials_min is 1440 and neurons.dt_ms is 0.01; allowed: fewer than 2^31 time steps of trials\n"},
    {LEVER "synapses:\n  update_ms: 7\n", NULL, "~a whole number of updates between snapshots\n"},
    {LEVER "trials:\n  step_ms: 1.5\n", NULL, "~a whole number of time steps in a step of the lever\n"},
    {LEVER "trials:\n  window_ms: 0.5\n", NULL, "~a whole number of time steps in the window\n"},
    {LEVER "lever:\n  movement_before_ms: 601\n", NULL, "~lever.movement_before_ms is 601 and trials.step_ms is 15 (its default); allowed: "},
    {LEVER "lever:\n  movement_after_ms: 7\n", NULL, "~lever.movement_after_ms is 7 and trials.step_ms is 15 (its default); allowed: "},
    {LEVER "lever:\n  hours: 1000\n  segment_min: 1200\n  switch_hour: 20\n  snapshot_min: 1200\n  unrewarded_hours: 0\n"
           "synapses:\n  update_ms: 1\n", NULL, "~fewer than 2^31 updates in all\n"},
    {LEVER "neurons:\n  n_receiving: 61\n", NULL,
     "c.yaml:3:16: neurons.n_receiving is 61 and neurons.n_exc is 60 (its default); allowed: not more than all of them\n"},
    {LEVER "trials:\n  n_pool: 16\n", NULL,
     "c.yaml:3:11: trials.n_pool is 16 and neurons.n_exc is 60 (its default); allowed: room for neurons.n_receiving and two pools\n"},
    {LEVER "neurons:\n  exc_rise_ms: 20\n", NULL, "c.yaml:3:16: neurons.exc_fall_ms is 20 (its default) and neurons.exc_rise_ms is 20;"},
    {LEVER "neurons:\n  inh_fall_ms: 1\n", NULL, "c.yaml:3:16: neurons.inh_fall_ms is 1 and neurons.inh_rise_ms is 1 (its default);"},
    {LEVER "trials:\n  pause_max_s: 0.4\n", NULL, "c.yaml:3:16: trials.pause_min_s is 0.5 (its default) and trials.pause_max_s is 0.4;"},
    {LEVER "trials:\n  cue_max_hz: 1\n", NULL, "c.yaml:3:15: trials.cue_min_hz is 2 (its default) and trials.cue_max_hz is 1;"},
    {LEVER "trials:\n  cue_max_hz: 1000\n", NULL, "~allowed: less than a spike in a step\n"},
    {LEVER "trials:\n  background_hz: 1000\n", NULL, "~allowed: less than a spike in a step\n"},
    {LEVER "synapses:\n  return_theta: 5.5\n", NULL, "c.yaml:3:17: synapses.return_theta is 5.5 and synapses.theta_max is 5 (its default);"},
    {LEVER "synapses:\n  learning_rate: 0.03\n", NULL,
     "c.yaml:3:18: synapses.consolidated_sd is 0.05 (its default) and synapses.learning_rate is 0.03;"},
    {LEVER "synapses:\n  update_ms: 10000\n  consolidated_sd: 0.001\n", NULL,
     "c.yaml:4:20: synapses.consolidated_sd is 0.001 and synapses.update_ms is 10000; allowed: a square above synapses.learning_rate times "
     "synapses.update_ms in seconds\n"},
    {LEVER "synapses:\n  update_ms: 100000\n", NULL,
     "c.yaml:3:14: synapses.update_ms: '100000' is out of range; allowed: a number above 0, at most 10000\n"},
    {LEVER "lever:\n  hours: 33.5\n  switch_hour: 16.75\n  segment_min: 1005\n  snapshot_min: 1005\n  unrewarded_hours: 0\n"
           "synapses:\n  update_ms: 100.5\n", NULL,
     "c.yaml:9:14: synapses.update_ms is 100.5 and neurons.dt_ms is 1 (its default); allowed: a whole number of steps between updates\n"},
    {LEVER "neurons:\n  dt_ms: 2\n", NULL,
     "c.yaml:3:10: trials.step_ms is 15 (its default) and neurons.dt_ms is 2; allowed: a whole number of time steps in a step of the lever\n"},
    {LEVER "neurons:\n  n_receiving: 50\n", NULL, /* of three keys, at the one that was given */
     "c.yaml:3:16: trials.n_pool is 10 (its default) and neurons.n_receiving is 50; allowed: room for neurons.n_receiving and two pools\n"},
    {LEVER "synapses:\n  theta_max: x\n  return_theta: 50\n", NULL, "c.yaml:3:14: synapses.theta_max: 'x' is not a number;"},
    {LEVER "trials:\n  cue: uniform\n", NULL, "c.yaml:3:8: trials.cue: 'uniform' is not one of the choices; allowed: gamma, beta\n"},
    {LEVER "synapses:\n  theta_min: 0\n", NULL, "c.yaml:3:14: synapses.theta_min: '0' is out of range; allowed: "},
};

static int count_lines(const char *text)
{
  int n = 0;
  for (; *text != '\0'; text++)
    n += *text == '\n';
  return n;
}

static void test_broken_texts_say_what_is_wrong_where(void **state)
{
  (void)state;
  int n_bad = 0;
  for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
    const broken_case *c = &broken[i];
    esp_config_file file;
    char *problems;
    const esp_err err = esp_config_parse("c.yaml", c->text, c->set != NULL, &c->set, &file, &problems);
    const char *wanted = c->expected + (c->expected[0] == '~');
    const char *found = problems != NULL ? strstr(problems, wanted) : NULL;
    if (err != ESP_ERR_CONFIG || found == NULL || (c->expected[0] != '~' && found != problems) || count_lines(problems) != 1) {
      n_bad++;
      print_error("case %zu:\n%s(%s)\nexpected %s\nfound    %s\n", i, c->text, c->set != NULL ? c->set : "", c->expected,
                  problems != NULL ? problems : "nothing");
    }
    assert_null(file.text);
    assert_null(file.resolved);
    free(problems);
  }
  assert_int_equal(n_bad, 0);
}

/* --- helpers --------------------------------------------------------------------------------------------------------- */

static esp_config_file good(const char *text, int n_set, const char *const *set)
{
  esp_config_file file;
  char *problems;
  const esp_err err = esp_config_parse("c.yaml", text, n_set, set, &file, &problems);
  if (problems != NULL)
    print_error("%s", problems);
  assert_int_equal(err, ESP_OK);
  assert_null(problems);
  return file;
}

static const char *shipped_path(const char *name, char *path, size_t size)
{
  const char *source = getenv("ESP_SOURCE");
  snprintf(path, size, "%s/config/%s", source != NULL ? source : ".", name);
  return path;
}

static esp_config_file shipped(const char *name, int n_set, const char *const *set)
{
  char path[4096], *problems;
  esp_config_file file;
  const esp_err err = esp_config_load(shipped_path(name, path, sizeof path), n_set, set, &file, &problems);
  if (err != ESP_OK)
    print_error("%s: %s\n%s", name, esp_err_message(err), problems != NULL ? problems : "");
  assert_int_equal(err, ESP_OK);
  return file;
}

static void assert_difference(const esp_config *a, const esp_config *b, const char *expected)
{
  char *difference;
  assert_int_equal(esp_config_difference(a, b, ESP_DIFFERENCE_OF_RESULTS, &difference), ESP_OK);
  assert_string_equal(difference, expected);
  free(difference);
}

/* --- one pass -------------------------------------------------------------------------------------------------------- */

static void test_all_faults_in_one_pass_in_order_of_place(void **state)
{
  (void)state;
  const char *const set[] = {"task.trials_per_condition=0", "bad", "seed=1"};
  const char *text = "experiment: dms\n"
                     "transfer:\n"
                     "  from: 0.71\n"
                     "network:\n"
                     "  n_hid: many\n"
                     "  n_hid: 3\n"
                     "  readout: later\n"
                     "task: 4\n"
                     "color: red\n";
  esp_config_file file;
  char *problems;
  assert_int_equal(esp_config_parse("a file.yaml", text, 3, set, &file, &problems), ESP_ERR_CONFIG);
  const char *const expected[] = {"a file.yaml:3:9: transfer.from is 0.71",
                                  "a file.yaml:5:10: network.n_hid: 'many' is not a number",
                                  "a file.yaml:6:3: key 'n_hid' is given twice",
                                  "a file.yaml:7:12: network.readout: 'later' is not one of",
                                  "a file.yaml:8:7: task: found the value '4'",
                                  "a file.yaml:9:1: unknown key 'color'",
                                  "--set task.trials_per_condition=0: '0' is out of range",
                                  "--set bad: it is not of the form"};
  const char *line = problems;
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    assert_int_equal(strncmp(line, expected[i], strlen(expected[i])), 0);
    line = strchr(line, '\n') + 1;
  }
  assert_string_equal(line, "");
  assert_string_equal(esp_err_message(ESP_ERR_CONFIG), "a file.yaml: 8 faults in the configuration");
  free(problems);
}

static void test_what_stands_before_a_syntax_error_is_checked_too(void **state)
{
  (void)state;
  esp_config_file file;
  char *problems;
  assert_int_equal(esp_config_parse("c", "seed: x\nnetwork:\n  n_hid: 0\ntask: @\n", 0, NULL, &file, &problems), ESP_ERR_CONFIG);
  assert_non_null(strstr(problems, "c:1:7: seed: 'x'"));
  assert_non_null(strstr(problems, "c:3:10: network.n_hid"));
  assert_null(strstr(problems, "experiment")); /* may be in the part that was not read */
  free(problems);
}

static void test_hostile_sizes_are_bounded(void **state)
{
  (void)state;
  const size_t n = (1 << 20) + 2;
  char *text = malloc(n + 1), *problems;
  esp_config_file file;
  memset(text, '#', n);
  text[n] = '\0';
  assert_int_equal(esp_config_parse("c", text, 0, NULL, &file, &problems), ESP_ERR_CONFIG);
  assert_string_equal(problems, "c:1:1: the text is larger than 1 MiB; a configuration has a few kilobytes\n");
  free(problems);
  size_t used = (size_t)snprintf(text, n, "experiment: dms\nladder:\n  fractions: [");
  for (int i = 0; i < 100000; i++)
    used += (size_t)snprintf(text + used, n - used, "0.5,");
  snprintf(text + used, n - used, "0.6]\n");
  assert_int_equal(esp_config_parse("c", text, 0, NULL, &file, &problems), ESP_ERR_CONFIG);
  assert_non_null(strstr(problems, ": more than 10000 values; a configuration has some dozens\n"));
  free(problems);
  memset(text, '[', n - 3);
  text[n - 3] = '\0';
  assert_int_equal(esp_config_parse("c", text, 0, NULL, &file, &problems), ESP_ERR_CONFIG);
  assert_non_null(strstr(problems, "c:1:17: nested more than 16 deep"));
  free(problems);
  memset(text, 'k', 100000); /* a long word is neither printed in full nor compared */
  snprintf(text + 100000, n - 100000, ": 1\nexperiment: dms\n");
  assert_int_equal(esp_config_parse("c", text, 0, NULL, &file, &problems), ESP_ERR_CONFIG);
  assert_true(strlen(problems) < 500);
  free(problems);
  free(text);
}

/* --- values ---------------------------------------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
  (void)state;
  esp_config_file file = good(DMS, 0, NULL);
  const esp_config *c = &file.values;
  assert_int_equal(c->experiment, ESP_EXPERIMENT_DMS);
  assert_true(c->seed == 2022);
  assert_int_equal(c->ensemble.members, 400);
  assert_true(c->ensemble.max_failed_fraction == 0.05 && c->ensemble.checkpoint_interval == 60);
  assert_int_equal(c->network.n_hid, 30);
  assert_true(c->network.readout == ESP_READOUT_RATE && c->network.input_lag == 0);
  assert_true(c->network.w_in_sd == 0.2 && c->network.w_rec_sd == 0.1 && c->network.w_rec_diagonal == 0.5);
  assert_true(c->network.w_out_sd == 0.2 && c->task.target_noise_sd == 0.1 && c->task.input_noise_sd == 0);
  assert_int_equal(c->task.trials_per_condition, 5);
  assert_true(c->training.scg == ESP_SCG_PUBLISHED && c->training.sigma == 5e-5 && c->training.lambda == 5e-7);
  assert_true(c->training.fallback_step == 0.001 && c->training.max_failures == 10 && c->training.steps_per_call == 0);
  assert_true(c->training.max_calls == 100 && c->training.start_episodes == 5 && c->training.window == 300);
  assert_true(c->training.min_decrease == 1e-8 && c->training.loss_factor == 1.05);
  assert_int_equal(c->ladder.fractions.n, 18);
  for (int k = 0; k < 18; k++)
    assert_true(c->ladder.fractions.value[k] == (10 + 5 * k) / 100.0);
  assert_true(c->ladder.criterion == ESP_PRUNE_MAGNITUDE && c->ladder.ties == ESP_TIES_ROW_MAJOR);
  assert_true(c->ladder.noise == ESP_NOISE_INDEPENDENT && c->transfer.from == 0.7 && c->transfer.calls == 50);
  assert_true(c->transfer.members == 100 && c->transfer.new_cues == ESP_NEW_CUES_BOTH);
  assert_true(c->scratch.prune_fraction == 0.7 && c->scratch.calls == 50 && c->scratch.new_cues == ESP_NEW_CUES_BOTH);
  esp_config_file_free(&file);

  const char *const set[] = {"ensemble.members=7"};
  file = good("experiment: scratch\n", 1, set); /* keys that the experiment lacks have their defaults */
  assert_int_equal(file.values.transfer.members, 100);
  assert_int_equal(file.values.ladder.fractions.n, 18);
  esp_config_file_free(&file);
}

/* Those of the published code for this task: where both experiments have a key, it need not be that of dms. */
static void test_defaults_of_bandit(void **state)
{
  (void)state;
  esp_config_file file = good(BANDIT, 0, NULL);
  const esp_config *c = &file.values;
  assert_int_equal(c->experiment, ESP_EXPERIMENT_BANDIT);
  assert_int_equal(c->ensemble.members, 100);
  assert_int_equal(c->network.n_hid, 20);
  assert_true(c->network.readout == ESP_READOUT_RATE && c->network.input_lag == 0 && c->network.w_in_sd == 0.2);
  assert_true(c->network.w_rec_sd == sqrt(2.0 / 30) && c->network.w_rec_diagonal == 0 && c->network.w_out_sd == sqrt(2.0 / 20));
  assert_true(c->training.scg == ESP_SCG_PUBLISHED && c->training.steps_per_call == 0 && c->training.min_decrease == 1e-8);
  assert_true(c->training.start_calls == 1000 && c->training.ladder_calls == 39);
  assert_true(c->training.low_loss == 0.01 && c->training.slow_loss == 0.015 && c->training.start_check == ESP_START_DEPOSITED);
  static const double fractions[] = {0.1, 0.3, 0.5, 0.7, 0.9}, levels[] = {0.01, 0.1, 1};
  assert_int_equal(c->ladder.fractions.n, 5);
  assert_memory_equal(c->ladder.fractions.value, fractions, sizeof fractions);
  assert_int_equal(c->ladder.value_noise.n, 3);
  assert_memory_equal(c->ladder.value_noise.value, levels, sizeof levels);
  assert_true(c->bandit.agents == 24 && c->bandit.block_calls == 20 && c->bandit.beta == 3 && c->bandit.learning_rate == 0.7);
  assert_true(c->bandit.epsilon == 0.15 && c->bandit.start_schedule == 100 && c->bandit.ladder_schedule == 10);
  assert_int_equal(c->bandit.noise, ESP_VALUE_NOISE_SHARED);
  assert_true(c->new_option.from == 0.7 && c->new_option.ladder == 0.1 && c->new_option.value_noise == 0);
  assert_true(c->new_option.calls == 39 && c->new_option.members == 100);
  assert_true(c->evaluation.agents == 64 && c->evaluation.lyapunov_agents == 48 && c->evaluation.epsilon == 0.15);
  esp_config_file_free(&file);
}

/* Those which the paper's figure needs: they show every feature of it at full size. */
static void test_defaults_of_lever(void **state)
{
  (void)state;
  esp_config_file file = good(LEVER, 0, NULL);
  esp_config *c = &file.values, wanted = file.values;
  assert_int_equal(c->experiment, ESP_EXPERIMENT_LEVER);
  assert_int_equal(c->ensemble.members, 5);
  assert_true(c->seed == 2018);
  assert_true(c->lever.hours == 48 && c->lever.switch_hour == 24 && c->lever.segment_min == 60);
  assert_true(c->lever.unrewarded_hours == 14 * 24 && c->lever.consolidation_hour == 4 * 24);
  assert_true(c->lever.snapshot_min == 10 && c->lever.n_wait_bins == 288 && c->lever.n_sampled == 2000);
  wanted.trials = (esp_lever_task_options){
      .n_pool = 10, .step_ms = 15, .window_ms = 500, .smoothing = 0.95, .threshold_hz = 15, .reward_s = 0.3, .pause_min_s = 0.5,
      .pause_max_s = 1, .timeout_s = 10, .background_hz = 2, .cue = ESP_CUE_GAMMA, .cue_scale_hz = 60, .cue_shape_a = 0.2,
      .cue_shape_b = 0.8, .cue_min_hz = 2, .cue_max_hz = 60, .tau_a_s = 50, .alpha = 0.02, .reward_floor = 0.02};
  wanted.neurons = (esp_spiking_options){
      .n_in = 200, .n_exc = 60, .n_receiving = 30, .n_inh = 20, .dt_ms = 1, .exc_fall_ms = 20, .exc_rise_ms = 2, .inh_fall_ms = 10,
      .inh_rise_ms = 1, .bias = -3, .slope = 1, .scale_hz = 1, .dead_exc_ms = 5, .dead_inh_ms = 2, .target_hz = 5, .homeostasis = 0.02,
      .p_exc_to_inh = 0.575, .p_inh_to_exc = 0.6, .p_inh_to_inh = 0.55, .w_exc_to_inh_mean = 0.5, .w_exc_to_inh_sd = 0.1,
      .w_from_inh_mean = -1, .w_from_inh_sd = 0.2};
  wanted.synapses = (esp_rewiring_options){
      .n_repeats = 10, .p_potential = 0.5, .start_mean = -0.5, .start_sd = 0.5, .theta0 = 3, .theta_min = -2, .theta_max = 5,
      .prior_mean = 0, .prior_sd = 2, .temperature = 0.1, .learning_rate = 1e-5, .tau_e_s = 1, .tau_g_s = 50, .gradient_gain = 0.05,
      .gradient_clip = 400, .update_ms = 100, .waiting_h = 44, .return_theta = 0.1, .consolidated_sd = 0.05, .p_consolidated = 1};
  assert_difference(c, &wanted, "");
  wanted.neurons.n_in++; /* such a difference would have been seen */
  assert_difference(c, &wanted, "  neurons.n_in: 200 -> 201\n");
  esp_config_file_free(&file);

  file = good(LEVER "lever:\n  consolidation_hour: 24\n", 0, NULL); /* at once */
  esp_config_file_free(&file);
  file = good(LEVER "lever:\n  consolidation_hour: 7\n  unrewarded_hours: 0\n", 0, NULL); /* not asked for */
  esp_config_file_free(&file);
}

static void test_new_option_follows_the_ladder_and_the_ensemble(void **state)
{
  (void)state;
  esp_config_file file = good(BANDIT "ensemble:\n  members: 8\nnew_option:\n  from: 0.7000000000001\n  ladder: 0.09999999999999\n", 0, NULL);
  assert_int_equal(file.values.new_option.members, 8);
  assert_true(file.values.new_option.from == 0.7 && file.values.new_option.ladder == 0.1); /* the rung and the level themselves */
  assert_non_null(strstr(file.resolved, "\nnew_option:\n  from: 0.7\n  ladder: 0.1\n  value_noise: 0\n  calls: 39\n  members: 8\n"));
  esp_config_file_free(&file);
  /* without a new option its ladder need not exist; four levels are the most */
  file = good(BANDIT "ladder:\n  fractions: [0.2]\n  value_noise: [0, 2, 3, 100]\nnew_option:\n  from: 0\n", 0, NULL);
  assert_int_equal(file.values.ladder.value_noise.n, 4);
  esp_config_file_free(&file);
}

static void test_numbers_are_read_exactly(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    double value;
  } cases[] = {{"0.7", 0.7},     {".5", .5},      {"5", 5},      {"5.", 5},          {"+1.5", 1.5}, {"1e-3", 1e-3}, {"1E1", 10},
               {"1.5e+1", 15},   {"0", 0},        {"0.1", 0.1},  {"4.9406564584124654e-324", 4.9406564584124654e-324},
               {"0.30000000000000004", 0.30000000000000004},     {"99.999999999999986", 99.999999999999986}, {"-0", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[128];
    snprintf(text, sizeof text, DMS "network:\n  w_in_sd: %s # comment\n", cases[i].text);
    esp_config_file file = good(text, 0, NULL);
    assert_memory_equal(&file.values.network.w_in_sd, &cases[i].value, sizeof(double));
    esp_config_file again = good(file.resolved, 0, NULL);
    assert_memory_equal(&again.values.network.w_in_sd, &cases[i].value, sizeof(double));
    esp_config_file_free(&again);
    esp_config_file_free(&file);
  }
  esp_config_file file = good(DMS "seed: 18446744073709551615\nnetwork:\n  w_rec_diagonal: -1.5E+1\n  n_hid: +4\n", 0, NULL);
  assert_true(file.values.seed == UINT64_MAX);
  assert_true(file.values.network.w_rec_diagonal == -15);
  assert_int_equal(file.values.network.n_hid, 4);
  esp_config_file_free(&file);
}

static void test_locale_changes_nothing(void **state)
{
  (void)state;
  static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", NULL};
  const char *made = NULL;
  for (int i = 0; names[i] != NULL && made == NULL; i++)
    made = setlocale(LC_NUMERIC, names[i]);
  if (made == NULL)
    skip(); /* no locale with a decimal comma here */
  esp_config_file file = good(DMS "network:\n  w_in_sd: 0.25\n", 0, NULL);
  setlocale(LC_NUMERIC, "C");
  assert_true(file.values.network.w_in_sd == 0.25);
  assert_non_null(strstr(file.resolved, "w_in_sd: 0.25\n"));
  esp_config_file_free(&file);
}

static void test_unusual_but_good_texts(void **state)
{
  (void)state;
  esp_config_file file = good("\xEF\xBB\xBF" "experiment: dms\r\nseed: 5\r\n", 0, NULL); /* byte order mark, CRLF */
  assert_true(file.values.seed == 5);
  esp_config_file_free(&file);
  file = good("%YAML 1.1\n---\n{experiment: 'dms', network: {n_hid: 3}, training: {scg: \"moller\"}}\n...\n", 0, NULL);
  assert_int_equal(file.values.network.n_hid, 3);
  assert_int_equal(file.values.training.scg, ESP_SCG_MOLLER);
  esp_config_file_free(&file);
  file = good("experiment: dms\nnetwork:\n#  n_hid: 3\n", 0, NULL); /* all keys of a section commented out */
  assert_int_equal(file.values.network.n_hid, 30);
  esp_config_file_free(&file);
  file = good("experiment: dms # Wörter\nladder:\n  fractions:\n    - 0.7\n", 0, NULL); /* one-shot pruning */
  assert_int_equal(file.values.ladder.fractions.n, 1);
  esp_config_file_free(&file);
}

static void test_transfer_follows_the_ladder_and_the_ensemble(void **state)
{
  (void)state;
  esp_config_file file = good(DMS "ensemble:\n  members: 8\ntransfer:\n  from: 0.7000000000001\n", 0, NULL);
  assert_int_equal(file.values.transfer.members, 8);
  assert_true(file.values.transfer.from == 0.70); /* the rung itself */
  assert_non_null(strstr(file.resolved, "\ntransfer:\n  from: 0.7\n  calls: 50\n  members: 8\n"));
  esp_config_file_free(&file);
  file = good(DMS "ladder:\n  fractions: [0.5]\ntransfer:\n  from: 0\n", 0, NULL);
  assert_true(file.values.transfer.from == 0);
  esp_config_file_free(&file);
}

/* --- overrides ------------------------------------------------------------------------------------------------------- */

static void test_later_overrides_win(void **state)
{
  (void)state;
  const char *const set[] = {"seed=1", "ladder.fractions=[0.5,0.7]", " seed = 2 ", "training.scg=moller", "network.w_in_sd=1e-3"};
  esp_config_file file = good("experiment: dms\nseed: 9", 5, set);
  assert_true(file.values.seed == 2);
  assert_int_equal(file.values.ladder.fractions.n, 2);
  assert_true(file.values.ladder.fractions.value[1] == 0.7);
  assert_int_equal(file.values.training.scg, ESP_SCG_MOLLER);
  assert_true(file.values.network.w_in_sd == 1e-3);
  assert_string_equal(file.text, "experiment: dms\nseed: 9\n# --set seed=1\n# --set ladder.fractions=[0.5,0.7]\n# --set  seed = 2 \n"
                                 "# --set training.scg=moller\n# --set network.w_in_sd=1e-3\n");
  esp_config_file_free(&file);

  const char *const experiment[] = {"experiment=scratch", "scratch.calls=3"};
  file = good(DMS, 2, experiment);
  assert_int_equal(file.values.experiment, ESP_EXPERIMENT_SCRATCH);
  assert_int_equal(file.values.scratch.calls, 3);
  esp_config_file_free(&file);
  file = good("seed: 4\n", 1, experiment); /* the required key may come from the command line */
  assert_int_equal(file.values.experiment, ESP_EXPERIMENT_SCRATCH);
  esp_config_file_free(&file);
}

/* --- what is written ------------------------------------------------------------------------------------------------- */

static void test_resolved_text(void **state)
{
  (void)state;
  esp_config_file file = good("experiment: scratch\ntraining:\n  sigma: 0.00005\n", 0, NULL);
  assert_string_equal(file.resolved, "experiment: scratch\n"
                                     "seed: 2022\n"
                                     "\nensemble:\n  members: 400\n  max_failed_fraction: 0.05\n  checkpoint_interval: 60\n"
                                     "\nnetwork:\n  n_hid: 30\n  readout: rate\n  input_lag: 0\n  w_in_sd: 0.2\n  w_rec_sd: 0.1\n"
                                     "  w_rec_diagonal: 0.5\n  w_out_sd: 0.2\n"
                                     "\ntask:\n  trials_per_condition: 5\n  target_noise_sd: 0.1\n  input_noise_sd: 0\n"
                                     "\ntraining:\n  scg: published\n  hessian: difference\n  sigma: 5e-05\n  lambda: 5e-07\n  fallback_step: 0.001\n"
                                     "  max_failures: 10\n  steps_per_call: 0\n  window: 300\n  min_decrease: 1e-08\n"
                                     "  loss_factor: 1.05\n"
                                     "\nladder:\n  criterion: magnitude\n  ties: row_major\n"
                                     "\nprobe:\n  onsets: [16, 20, 24, 28, 32, 36]\n  strengths: [0, 0.2, 0.4, 0.6, 0.8, 1]\n"
                                     "\nscratch:\n  prune_fraction: 0.7\n  calls: 50\n  new_cues: both\n");
  esp_config_file_free(&file);
}

static const char *const shipped_names[] = {"dms_ensemble.yaml", "dms_deposited.yaml", "dms_printed.yaml", "dms_quick.yaml",
                                            "scratch.yaml", "rl_ensemble.yaml", "rl_quick.yaml", "lever_ensemble.yaml",
                                            "lever_authors.yaml", "lever_quick.yaml"};

static void test_resolved_text_reads_back_to_the_same_bytes(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof shipped_names / sizeof shipped_names[0]; i++) {
    const bool lever = strncmp(shipped_names[i], "lever", 5) == 0;
    const char *const set[] = {"seed=12345678901234567890", lever ? "synapses.start_sd=0.1000000000000000055" : "network.w_in_sd=0.1000000000000000055",
                               lever ? "trials.cue=beta" : "ladder.criterion=random"};
    esp_config_file file = shipped(shipped_names[i], 3, set);
    esp_config_file again = good(file.resolved, 0, NULL);
    assert_memory_equal(&again.values, &file.values, sizeof file.values);
    assert_string_equal(again.resolved, file.resolved);
    assert_string_equal(again.text, file.resolved);
    esp_config_file_free(&again);
    esp_config_file_free(&file);
  }
}

static void test_difference(void **state)
{
  (void)state;
  const char *const set[] = {"network.n_hid=12", "ladder.fractions=[0.5,0.7]", "ensemble.checkpoint_interval=5",
                             "ensemble.max_failed_fraction=1", "training.scg=moller", "training.sigma=1e-4"};
  esp_config_file a = good(DMS, 0, NULL), b = good(DMS, 6, set), s = good("experiment: scratch\n", 0, NULL);
  assert_difference(&a.values, &a.values, "");
  assert_difference(&a.values, &b.values,
                    "  network.n_hid: 30 -> 12\n"
                    "  training.scg: published -> moller\n"
                    "  training.sigma: 5e-05 -> 0.0001\n"
                    "  ladder.fractions: [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, "
                    "0.9, 0.95] -> [0.5, 0.7]\n");
  assert_difference(&s.values, &b.values,
                    "  experiment: scratch -> dms\n"
                    "  network.n_hid: 30 -> 12\n"
                    "  training.scg: published -> moller\n"
                    "  training.sigma: 5e-05 -> 0.0001\n"
                    "  training.max_calls: (none) -> 100\n"
                    "  training.plateau_calls: (none) -> 0\n"
                    "  training.start_episodes: (none) -> 5\n"
                    "  ladder.fractions: (none) -> [0.5, 0.7]\n"
                    "  ladder.noise: (none) -> independent\n"
                    "  transfer.from: (none) -> 0.7\n"
                    "  transfer.calls: (none) -> 50\n"
                    "  transfer.members: (none) -> 100\n"
                    "  transfer.new_cues: (none) -> both\n"
                    "  scratch.prune_fraction: 0.7 -> (none)\n"
                    "  scratch.calls: 50 -> (none)\n"
                    "  scratch.new_cues: both -> (none)\n");
  esp_config_file_free(&a);
  esp_config_file_free(&b);
  esp_config_file_free(&s);
}

static void test_longest_ladder_is_written_in_full(void **state)
{
  (void)state;
  char text[4096];
  size_t n = (size_t)snprintf(text, sizeof text, DMS "transfer:\n  from: 0\nladder:\n  fractions: [");
  for (int i = 1; i <= ESP_MAX_LIST; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "%s%.17g", i > 1 ? "," : "", i / 97.0);
  const size_t end = n;
  snprintf(text + n, sizeof text - n, "]\n");
  esp_config_file file = good(text, 0, NULL), again = good(file.resolved, 0, NULL);
  assert_int_equal(file.values.ladder.fractions.n, ESP_MAX_LIST);
  assert_memory_equal(&again.values, &file.values, sizeof file.values);
  esp_config_file_free(&again);
  esp_config_file_free(&file);
  char *problems;
  snprintf(text + end, sizeof text - end, ",0.98,0.99]\n");
  assert_int_equal(esp_config_parse("c", text, 0, NULL, &file, &problems), ESP_ERR_CONFIG);
  assert_non_null(strstr(problems, "there are more than 64 fractions"));
  assert_int_equal(count_lines(problems), 1);
  free(problems);
}

static void test_description_names_every_key(void **state)
{
  (void)state;
  char *markdown;
  assert_int_equal(esp_config_describe(&markdown), ESP_OK);
  assert_non_null(strstr(markdown, "## network\n\n| key | allowed | default | unit | meaning | experiments |\n"));
  assert_non_null(strstr(markdown, "\n| `n_hid` | an integer from 1 to 4096 | `30`; bandit: `20` | units | hidden units N (paper: 30; bandit: 20) | dms, scratch, bandit |\n"));
  assert_non_null(strstr(markdown, "| `scg` | `published`, `deposited`, `moller` | `published` |"));
  assert_non_null(strstr(markdown, "| `experiment` | `dms`, `scratch`, `bandit`, `lever` | required |"));
  int n_rows = 0;
  for (const char *row = strstr(markdown, "\n| `"); row != NULL; row = strstr(row + 1, "\n| `")) {
    int bars = 0;
    for (const char *c = row + 1; *c != '\n'; c++)
      bars += *c == '|';
    assert_int_equal(bars, 7);
    n_rows++;
  }
  assert_int_equal(n_rows, 139);
  free(markdown);
}

/* --- shipped examples ------------------------------------------------------------------------------------------------ */

static void test_shipped_examples_differ_as_intended(void **state)
{
  (void)state;
  esp_config_file plain = good(DMS, 0, NULL), ensemble = shipped("dms_ensemble.yaml", 0, NULL);
  assert_memory_equal(&ensemble.values, &plain.values, sizeof plain.values); /* the defaults, written out */
  esp_config_file other = shipped("dms_deposited.yaml", 0, NULL);
  assert_difference(&ensemble.values, &other.values,
                    "  task.trials_per_condition: 5 -> 4\n"
                    "  training.scg: published -> deposited\n"
                    "  ladder.ties: row_major -> column_major\n");
  esp_config_file_free(&other);
  other = shipped("dms_printed.yaml", 0, NULL);
  assert_difference(&ensemble.values, &other.values, "  network.readout: rate -> latent\n  network.input_lag: 0 -> 1\n");
  esp_config_file_free(&other);
  other = shipped("dms_quick.yaml", 0, NULL); /* its sizes are a matter of taste; its science is the ensemble's */
  assert_int_equal(other.values.experiment, ESP_EXPERIMENT_DMS);
  assert_true(other.values.ensemble.members <= 16 && other.values.network.n_hid <= 30);
  assert_int_equal(other.values.transfer.members, other.values.ensemble.members);
  assert_int_equal(other.values.training.scg, ESP_SCG_PUBLISHED);
  esp_config_file_free(&other);
  other = shipped("scratch.yaml", 0, NULL);
  esp_config_file scratch = good("experiment: scratch\n", 0, NULL);
  assert_difference(&scratch.values, &other.values, "  ensemble.members: 400 -> 200\n");
  esp_config_file_free(&scratch);
  esp_config_file_free(&other);
  esp_config_file lever = good(LEVER, 0, NULL);
  other = shipped("lever_ensemble.yaml", 0, NULL);
  assert_difference(&lever.values, &other.values, "");
  esp_config_file_free(&other);
  other = shipped("lever_authors.yaml", 0, NULL);
  assert_difference(&lever.values, &other.values,
                    "  trials.tau_a_s: 50 -> 750\n"
                    "  neurons.homeostasis: 0.02 -> 0.1\n"
                    "  synapses.gradient_gain: 0.05 -> 1\n"
                    "  synapses.gradient_clip: 400 -> 40\n");
  esp_config_file_free(&other);
  esp_config_file_free(&lever);
  esp_config_file_free(&ensemble);
  esp_config_file_free(&plain);
}

/* Every key that the experiment has stands in the example: its keys in order are those of the resolved text. */
static void test_shipped_examples_show_every_key(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof shipped_names / sizeof shipped_names[0]; i++) {
    esp_config_file file = shipped(shipped_names[i], 0, NULL);
    const char *at = file.text;
    for (const char *line = file.resolved; *line != '\0'; line = strchr(line, '\n') + 1) {
      char wanted[64];
      const size_t n = strcspn(line, ":\n");
      if (n == 0)
        continue;
      snprintf(wanted, sizeof wanted, "\n%.*s:", (int)n, line);
      const char *found = strstr(at, wanted);
      if (found == NULL)
        print_error("%s lacks '%s'\n", shipped_names[i], wanted + 1);
      assert_non_null(found);
      at = found;
    }
    esp_config_file_free(&file);
  }
}

/* --- files ----------------------------------------------------------------------------------------------------------- */

static char folder[4096];

static int make_folder(void **state)
{
  (void)state;
  const char *tmp = getenv("ESP_TEST_TMP");
  snprintf(folder, sizeof folder, "%s/config_XXXXXX", tmp != NULL ? tmp : "/tmp");
  return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
  (void)state;
  return rmdir(folder);
}

static const char *in_folder(const char *name)
{
  static char path[4200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void assert_no_input(const char *path, const char *expected)
{
  esp_config_file file;
  char *problems;
  assert_int_equal(esp_config_load(path, 0, NULL, &file, &problems), ESP_ERR_NO_INPUT);
  assert_null(problems);
  const char *message = esp_err_message(ESP_ERR_NO_INPUT);
  if (strncmp(message, path, strlen(path)) != 0 || strstr(message, expected) == NULL)
    print_error("%s\n", message);
  assert_int_equal(strncmp(message, path, strlen(path)), 0);
  assert_non_null(strstr(message, expected));
}

static void write_file(const char *path, const char *text, size_t n)
{
  FILE *out = fopen(path, "wb");
  assert_non_null(out);
  assert_int_equal(fwrite(text, 1, n, out), n);
  assert_int_equal(fclose(out), 0);
}

static void test_files_that_cannot_be_read(void **state)
{
  (void)state;
  alarm(20); /* nothing here may hang */
  assert_no_input(in_folder("none.yaml"), ": there is no such file; check the name");
  assert_no_input("none.yaml", ": there is no such file in /");
  assert_no_input(folder, ": this is a directory; name a YAML file in it");
  assert_no_input("/dev/zero", ": this is a pipe, a socket or a device; write the configuration to a file");
  const char *path = in_folder("pipe");
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_no_input(path, ": this is a pipe, a socket or a device");
  unlink(path);
  path = in_folder("large.yaml");
  write_file(path, "", 0);
  assert_int_equal(truncate(path, (1 << 20) + 1), 0);
  assert_no_input(path, ": the file is larger than 1 MiB (1048577 bytes)");
  if (geteuid() != 0) {
    assert_int_equal(chmod(path, 0), 0);
    assert_no_input(path, ": you may not read this file");
  }
  unlink(path);
  alarm(0);
}

static void test_files_with_odd_names_and_bytes(void **state)
{
  (void)state;
  const char *path = in_folder("zwölf Zellen.yaml");
  esp_config_file file;
  char *problems;
  write_file(path, "experiment: dms", 15);
  assert_int_equal(esp_config_load(path, 0, NULL, &file, &problems), ESP_OK);
  assert_string_equal(file.text, "experiment: dms");
  esp_config_file_free(&file);
  esp_config_file_free(&file); /* freed and zeroed: harmless */
  write_file(path, "experiment: dms\nseed\0: 3\n", 25);
  assert_int_equal(esp_config_load(path, 0, NULL, &file, &problems), ESP_ERR_CONFIG);
  assert_non_null(strstr(problems, "zwölf Zellen.yaml:2:5: an invisible control character (code 0); delete it\n"));
  free(problems);
  unlink(path);
}

/* Any prefix of an example, and any example with one byte changed, gives an answer and no crash (run with sanitizers). */
static void test_damaged_examples_never_crash(void **state)
{
  (void)state;
  esp_config_file example = shipped("dms_quick.yaml", 0, NULL), file;
  char *text = strdup(example.text), *problems;
  const size_t n = strlen(text);
  for (size_t i = 0; i < n; i += 7) {
    const char kept = text[i];
    static const char other[] = {'\0', '\t', ':', '[', '"', '&', '\n', '-', '9', '{', '\xC3', '!'};
    text[i] = other[i % sizeof other];
    if (esp_config_parse("c", text, 0, NULL, &file, &problems) == ESP_OK)
      esp_config_file_free(&file);
    else
      assert_true(problems != NULL && problems[0] != '\0');
    free(problems);
    text[i] = kept;
  }
  free(text);
  esp_config_file_free(&example);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_broken_texts_say_what_is_wrong_where),
      cmocka_unit_test(test_all_faults_in_one_pass_in_order_of_place),
      cmocka_unit_test(test_what_stands_before_a_syntax_error_is_checked_too),
      cmocka_unit_test(test_hostile_sizes_are_bounded),
      cmocka_unit_test(test_defaults),
      cmocka_unit_test(test_defaults_of_bandit),
      cmocka_unit_test(test_defaults_of_lever),
      cmocka_unit_test(test_new_option_follows_the_ladder_and_the_ensemble),
      cmocka_unit_test(test_numbers_are_read_exactly),
      cmocka_unit_test(test_locale_changes_nothing),
      cmocka_unit_test(test_unusual_but_good_texts),
      cmocka_unit_test(test_transfer_follows_the_ladder_and_the_ensemble),
      cmocka_unit_test(test_later_overrides_win),
      cmocka_unit_test(test_resolved_text),
      cmocka_unit_test(test_resolved_text_reads_back_to_the_same_bytes),
      cmocka_unit_test(test_difference),
      cmocka_unit_test(test_longest_ladder_is_written_in_full),
      cmocka_unit_test(test_description_names_every_key),
      cmocka_unit_test(test_shipped_examples_differ_as_intended),
      cmocka_unit_test(test_shipped_examples_show_every_key),
      cmocka_unit_test_setup_teardown(test_files_that_cannot_be_read, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_files_with_odd_names_and_bytes, make_folder, remove_folder),
      cmocka_unit_test(test_damaged_examples_never_crash),
  };
  return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
