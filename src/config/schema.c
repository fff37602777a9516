/* config/schema.c - the table of keys, and what follows from it: reading and printing a value, defaults, the resolved text, the
 * difference of two configs, docs/CONFIG.md. In this order.
 *
 * To add a key: a member in esp_config and a line here. The order of the lines is that of all that is printed, and a section has
 * to be one run of lines. A default is text and goes through the reader like any value, so that a slip in the table ends the
 * first run. What keys have to be to each other stands in rules.c. The trap is the locale, in which a decimal sign may be a
 * comma: numbers are read and printed in one of their own. */
#include "schema.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const experiment_words[] = {
#define X(ID, name, ...) [ESP_EXPERIMENT_##ID] = #name,
    ESP_EXPERIMENTS(X)
#undef X
    NULL};

/* Who has a key: an experiment, or those whose networks have something in common. */
enum {
#define X(ID, ...) ID = 1u << ESP_EXPERIMENT_##ID,
  ESP_EXPERIMENTS(X)
#undef X
  ALL = (1u << ESP_N_EXPERIMENTS) - 1
};
enum { DMS_TASK, BANDIT_TASK, LEVER_TASK };
enum {
#define X(ID, name, task, sentence) | (task == DMS_TASK ? ID : 0)
  DMS_NETWORKS = 0 ESP_EXPERIMENTS(X),
#undef X
#define X(ID, name, task, sentence) | (task != LEVER_TASK ? ID : 0)
  RATE_NETWORKS = 0 ESP_EXPERIMENTS(X) /* trained by gradients */
#undef X
};

/* Where a member lies; one of another size than its key reads and writes divides by 0, which stops the compiler. */
#define MEMBER(member, as) offsetof(esp_config, member) / (sizeof(((esp_config *)0)->member) == sizeof(as))

/* The words of a choice stand in brackets, each at its enum value. The rest of a line is the sentence, then perhaps .run_only or the
 * preset of an experiment that has its own. */
#define OF_BANDIT .preset_of[ESP_EXPERIMENT_BANDIT]
#define OF_LEVER .preset_of[ESP_EXPERIMENT_LEVER]
#define WORDS(...) (const char *const[]){__VA_ARGS__, NULL}
#define KEY(section_, name_, type_, as) \
  .section = #section_, .name = #name_, .path = #section_ "." #name_, .type = type_, .offset = MEMBER(section_.name_, as)
#define INTEGER(section, name, low_, high_, preset_, unit_, who, ...)                                                        \
  {KEY(section, name, ESP_KEY_INTEGER, int), .low = low_, .high = high_, .preset = preset_, .unit = unit_,                   \
   .experiments = who, .meaning = __VA_ARGS__}
#define REAL(section, name, range_, low_, high_, preset_, unit_, who, ...)                                                   \
  {KEY(section, name, ESP_KEY_REAL, double), .range = ESP_RANGE_##range_, .low = low_, .high = high_, .preset = preset_,     \
   .unit = unit_, .experiments = who, .meaning = __VA_ARGS__}
#define LIST(section, name, range_, low_, high_, preset_, example_, who, ...)                                                \
  {KEY(section, name, ESP_KEY_LIST, esp_number_list), .range = ESP_RANGE_##range_, .low = low_, .high = high_,               \
   .preset = preset_, .example = example_, .experiments = who, .meaning = __VA_ARGS__}
#define CHOICE(section, name, words, preset_, who, ...)                                                                      \
  {KEY(section, name, ESP_KEY_CHOICE, int), .choices = WORDS words, .preset = preset_, .experiments = who,                   \
   .meaning = __VA_ARGS__}

static const esp_key keys[] = {
    {.section = "", .name = "experiment", .path = "experiment", .type = ESP_KEY_CHOICE, .offset = MEMBER(experiment, int),
     .choices = experiment_words, .experiments = ALL,
     .meaning = "what to run"
#define X(ID, name, task, sentence) "; " #name " " sentence
                ESP_EXPERIMENTS(X)},
#undef X
    {.section = "", .name = "seed", .path = "seed", .type = ESP_KEY_UINT64, .offset = MEMBER(seed, uint64_t), .preset = "2022",
     OF_LEVER = "2018", .experiments = ALL, .meaning = "start of all random numbers; equal seeds give equal results"},

    INTEGER(ensemble, members, 1, 1000000, "400", "networks", ALL,
            "starts of the ensemble (paper: 400; Fig. S2A: 200; bandit: 100; lever: 5 runs)", OF_BANDIT = "100", OF_LEVER = "5"),
    REAL(ensemble, max_failed_fraction, CLOSED, 0, 1, "0.05", NULL, ALL,
         "a complete run with a larger share of failed cells exits with status 65", .run_only = true),
    REAL(ensemble, checkpoint_interval, CLOSED, 1, 86400, "60", "s", RATE_NETWORKS,
         "a stage that trains longer than this saves its state at least this often", .run_only = true),

    INTEGER(network, n_hid, 1, 4096, "30", "units", RATE_NETWORKS, "hidden units N (paper: 30; bandit: 20)", OF_BANDIT = "20"),
    CHOICE(network, readout, ([ESP_READOUT_RATE] = "rate", [ESP_READOUT_LATENT] = "latent"), "rate", RATE_NETWORKS,
           "what the output reads: rate is tanh of the hidden state (published code), latent the hidden state itself "
           "(printed Eq. 3)"),
    INTEGER(network, input_lag, 0, 1, "0", "steps", DMS_NETWORKS,
            "0: the input of a step drives that step (published code); 1: the next one (printed Eq. 1)"),
    REAL(network, w_in_sd, CLOSED, 0, 100, "0.2", NULL, RATE_NETWORKS, "start weights: standard deviation of the input weights"),
    REAL(network, w_rec_sd, CLOSED, 0, 100, "0.1", NULL, RATE_NETWORKS,
         "start weights: standard deviation of the recurrent weights (bandit: sqrt(2 / (units + inputs)))",
         OF_BANDIT = "0.2581988897471611"),
    REAL(network, w_rec_diagonal, CLOSED, -100, 100, "0.5", NULL, RATE_NETWORKS,
         "start weights: added to the diagonal of the recurrent weights", OF_BANDIT = "0"),
    REAL(network, w_out_sd, CLOSED, 0, 100, "0.2", NULL, RATE_NETWORKS,
         "start weights: standard deviation of the readout weights (bandit: sqrt(2 / units))",
         OF_BANDIT = "0.31622776601683794"),

    INTEGER(task, trials_per_condition, 1, 10000, "5", "trials", DMS_NETWORKS,
            "repeats of each condition in a training set (paper: 5; published code: 4)"),
    REAL(task, target_noise_sd, ABOVE_LOW, 0, 100, "0.1", NULL, DMS_NETWORKS,
         "standard deviation of the noise on the targets, frozen for an episode"),
    REAL(task, input_noise_sd, CLOSED, 0, 100, "0", NULL, DMS_NETWORKS,
         "standard deviation of the noise on the inputs, frozen for an episode (published code: none)"),

    CHOICE(training, scg, ([ESP_SCG_PUBLISHED] = "published", [ESP_SCG_DEPOSITED] = "deposited", [ESP_SCG_MOLLER] = "moller"),
           "published", RATE_NETWORKS,
           "scaled conjugate gradient: published is the arithmetic of the published code with every update masked, "
           "deposited that code unchanged (its fallback step revives removed weights), moller the textbook algorithm"),
    CHOICE(training, hessian, ([ESP_HESSIAN_DIFFERENCE] = "difference", [ESP_HESSIAN_EXACT] = "exact"),
           "difference", RATE_NETWORKS,
           "curvature along the direction of a step: difference of two gradients (published code), or exact, which is faster "
           "and free of the difference's rounding noise"),
    REAL(training, sigma, ABOVE_LOW, 0, 1, "5e-5", NULL, RATE_NETWORKS,
         "finite-difference step of the curvature (hessian: difference)"),
    REAL(training, lambda, ABOVE_LOW, 0, 1, "5e-7", NULL, RATE_NETWORKS, "first regularisation of the curvature"),
    REAL(training, fallback_step, ABOVE_LOW, 0, 1, "0.001", NULL, RATE_NETWORKS,
         "length of the gradient step after max_failures failures in a row (not used by moller)"),
    INTEGER(training, max_failures, 1, 1000000, "10", "steps", RATE_NETWORKS,
            "failed steps in a row before the fallback step (not used by moller)"),
    INTEGER(training, steps_per_call, 0, 10000000, "0", "steps", RATE_NETWORKS,
            "SCG steps in one training call; 0: as many as the network has weights"),
    INTEGER(training, max_calls, 1, 100000, "100", "calls", DMS, "training calls in an episode that does not converge"),
    INTEGER(training, plateau_calls, 0, 100000, "0", "calls", DMS,
            "for exploring only: an episode whose loss fell by less than 1 % over this many calls ends; 0: never (paper)"),
    INTEGER(training, start_episodes, 1, 1000, "5", "episodes", DMS,
            "episodes, each with new frozen noise, that train the start before any pruning"),
    INTEGER(training, window, 1, 1000000, "300", "steps", DMS_NETWORKS,
            "a call has converged when the mean decrease of the loss over this many accepted steps (at most 0.8 of the "
            "steps of a call) ..."),
    REAL(training, min_decrease, ABOVE_LOW, 0, 1, "1e-8", NULL, RATE_NETWORKS,
         "... is below this (bandit: a running mean of the decreases) ..."),
    REAL(training, loss_factor, ABOVE_LOW, 0, 1e6, "1.05", NULL, DMS_NETWORKS,
         "... and the loss is below this times target_noise_sd squared"),
    INTEGER(training, start_calls, 1, 1000000, "1000", "calls", BANDIT, "training calls of a start that does not converge"),
    INTEGER(training, ladder_calls, 1, 1000000, "39", "calls", BANDIT, "training calls at each rung, in both arms"),
    REAL(training, low_loss, ABOVE_LOW, 0, 1e6, "0.01", NULL, BANDIT,
         "a call has converged when its loss is below this, or ..."),
    REAL(training, slow_loss, ABOVE_LOW, 0, 1e6, "0.015", NULL, BANDIT,
         "... below this while it falls by less than min_decrease a step"),
    CHOICE(training, start_check, ([ESP_START_DEPOSITED] = "deposited", [ESP_START_FRESH_BLOCK] = "fresh_block"),
           "deposited", BANDIT,
           "when a start is trained: deposited believes the block it converged on (published code), fresh_block asks for a "
           "loss below slow_loss on a new one too, or goes on with another"),

    LIST(ladder, fractions, INSIDE, 0, 1,
         "[0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95]",
         "[0.5, 0.7]", DMS | BANDIT, "fraction of all recurrent weights removed at each rung",
         OF_BANDIT = "[0.1, 0.3, 0.5, 0.7, 0.9]"),
    CHOICE(ladder, criterion, ([ESP_PRUNE_MAGNITUDE] = "magnitude", [ESP_PRUNE_RANDOM] = "random"), "magnitude", RATE_NETWORKS,
           "which weights go: the smallest (paper), or drawn at random (a control)"),
    CHOICE(ladder, ties, ([ESP_TIES_ROW_MAJOR] = "row_major", [ESP_TIES_COLUMN_MAJOR] = "column_major"),
           "row_major", RATE_NETWORKS,
           "which of equally small weights goes first (published code: column_major)"),
    CHOICE(ladder, noise, ([ESP_NOISE_INDEPENDENT] = "independent", [ESP_NOISE_PAIRED] = "paired"), "independent", DMS,
           "independent: each arm has its own training sets (published code); paired: both arms share them"),

    LIST(ladder, value_noise, CLOSED, 0, 100, "[0.01, 0.1, 1]", "[0.01, 0.1, 1]", BANDIT,
         "variances of the noise on the values that are learned at the rungs; each level is a ladder of its own from the "
         "same start; at most 4"),

    INTEGER(bandit, agents, 2, 65536, "24", "agents", BANDIT, "agents of a training block"),
    INTEGER(bandit, block_calls, 1, 1000000, "20", "calls", BANDIT,
            "a new block is played at every call whose number is a multiple of this"),
    REAL(bandit, beta, ABOVE_LOW, 0, 1000, "3", NULL, BANDIT, "inverse temperature of the softmax that chooses"),
    REAL(bandit, learning_rate, CLOSED, 0, 1, "0.7", NULL, BANDIT, "of the Q-learner that the network learns from"),
    REAL(bandit, epsilon, CLOSED, 0, 1, "0.15", NULL, BANDIT, "share of random choices in the first block ..."),
    INTEGER(bandit, start_schedule, 1, 1000000, "100", "calls", BANDIT, "... falling to 0 over so many calls of a start ..."),
    INTEGER(bandit, ladder_schedule, 1, 1000000, "10", "calls", BANDIT, "... or of a rung"),
    CHOICE(bandit, noise, ([ESP_VALUE_NOISE_SHARED] = "shared", [ESP_VALUE_NOISE_INDEPENDENT] = "independent"), "shared", BANDIT,
           "shared: one draw of noise for the four values of a step (published code); independent: four"),

    REAL(new_option, from, BELOW_HIGH, 0, 1, "0.7", NULL, BANDIT,
         "the rung whose networks learn a new option (Fig. S4), one of ladder.fractions; 0: none"),
    REAL(new_option, ladder, CLOSED, 0, 100, "0.1", NULL, BANDIT, "of the ladder with this value noise, one of ladder.value_noise"),
    REAL(new_option, value_noise, CLOSED, 0, 100, "0", NULL, BANDIT, "variance of the noise on the values while it is learned"),
    INTEGER(new_option, calls, 1, 1000000, "39", "calls", BANDIT, "training calls on one frozen block"),
    INTEGER(new_option, members, 1, 1000000, "100", "networks", BANDIT,
            "for the first so many members only; at most ensemble.members are taken"),

    INTEGER(evaluation, agents, 2, 65536, "64", "agents", BANDIT, "agents of the blocks on which finished networks are measured",
            .analysis = true),
    INTEGER(evaluation, lyapunov_agents, 2, 65536, "48", "agents", BANDIT, "agents whose Lyapunov exponents are averaged",
            .analysis = true),
    REAL(evaluation, epsilon, CLOSED, 0, 1, "0.15", NULL, BANDIT,
         "share of random choices in one of the two evaluations; the other has none", .analysis = true),

    REAL(transfer, from, BELOW_HIGH, 0, 1, "0.70", NULL, DMS,
         "the rung whose networks learn new cues (Fig. S2B), one of ladder.fractions; 0: none"),
    INTEGER(transfer, calls, 1, 100000, "50", "calls", DMS, "training calls on the new cues, all of them made"),
    INTEGER(transfer, members, 1, 1000000, "100", "networks", DMS,
            "for the first so many members only; at most ensemble.members are taken"),
    CHOICE(transfer, new_cues, ([ESP_NEW_CUES_BOTH] = "both", [ESP_NEW_CUES_NEW_ONLY] = "new_only"), "both", DMS,
           "both: the old cues with reversed answers and a new pair; new_only: the new pair alone"),

    LIST(probe, onsets, CLOSED, 15, 38, "[16, 20, 24, 28, 32, 36]", "[16, 24, 32]", DMS_NETWORKS,
         "finished networks are tested with distractors: two bins on input 2, opposite to cue 1, from each of these "
         "on (paper: these)", .unit = "bins", .whole = true, .analysis = true),
    LIST(probe, strengths, CLOSED, 0, 100, "[0, 0.2, 0.4, 0.6, 0.8, 1]", "[0, 0.5, 1]", DMS_NETWORKS,
         "strengths of the distractors; 0 is none (paper: these)", .analysis = true),

    REAL(scratch, prune_fraction, INSIDE, 0, 1, "0.70", NULL, SCRATCH,
         "fraction of the recurrent weights that arm pruned_first loses before any training"),
    INTEGER(scratch, calls, 1, 100000, "50", "calls", SCRATCH,
            "training calls on the old cues and again on the new ones, all of them made"),
    CHOICE(scratch, new_cues, ([ESP_NEW_CUES_BOTH] = "both", [ESP_NEW_CUES_NEW_ONLY] = "new_only"), "both", SCRATCH,
           "both: the old cues with reversed answers and a new pair; new_only: the new pair alone"),

    REAL(lever, hours, ABOVE_LOW, 0, 1000, "48", "h", LEVER, "simulated time of learning (caption: 46 and more)"),
    REAL(lever, switch_hour, ABOVE_LOW, 0, 1000, "24", "h", LEVER,
         "at this hour the pools exchange their roles (caption: 24), and arm fixed begins, in which no synapse comes or goes any more"),
    REAL(lever, segment_min, ABOVE_LOW, 0, 1440, "60", "min", LEVER, "length of a stage of learning"),
    REAL(lever, unrewarded_hours, CLOSED, 0, 10000, "336", "h", LEVER,
         "time without reward after switch_hour in arm forgetting, where the pools keep their roles (caption: 14 days); 0: no arms "
         "forgetting and consolidated"),
    REAL(lever, unrewarded_step_hours, ABOVE_LOW, 0, 1000, "6", "h", LEVER, "length of a stage of it: the synapses drift, and ..."),
    REAL(lever, unrewarded_trials_min, ABOVE_LOW, 0, 1440, "20", "min", LEVER, "... in the last so many minutes there are trials"),
    REAL(lever, consolidation_hour, CLOSED, 0, 10000, "96", "h", LEVER,
         "at this hour, from the start of learning, synapses are consolidated in arm consolidated (caption: after 4 days); 0: no such arm"),
    REAL(lever, snapshot_min, CLOSED, 0.1, 1440, "10", "min", LEVER,
         "time between snapshots of the connectome, on which turnover and waiting times are counted"),
    INTEGER(lever, n_wait_bins, 1, 100000, "288", "snapshots", LEVER, "waiting times are counted up to this, longer ones with the longest"),
    INTEGER(lever, n_sampled, 1, 100000, "2000", "synapses", LEVER,
            "synapses, drawn at random, whose parameter is kept at each snapshot"),
    REAL(lever, recording_s, ABOVE_LOW, 0, 3600, "10", "s", LEVER, "spikes and lever are kept for so long from the beginning of each stage"),
    REAL(lever, movement_s, ABOVE_LOW, 0, 3600, "300", "s", LEVER,
         "and looked at for so long, where a stage has so many, for its averages over movements"),
    REAL(lever, movement_before_ms, ABOVE_LOW, 0, 100000, "600", "ms", LEVER, "which begin so long before the onset of a movement ..."),
    REAL(lever, movement_after_ms, ABOVE_LOW, 0, 100000, "1500", "ms", LEVER, "... and end so long after it"),

    INTEGER(trials, n_pool, 1, 1024, "10", "neurons", LEVER, "neurons of each of the pools U and D that move the lever (published example)"),
    REAL(trials, step_ms, ABOVE_LOW, 0, 10000, "15", "ms", LEVER, "the lever moves and the trial goes on in such steps (published example)"),
    REAL(trials, window_ms, ABOVE_LOW, 0, 100000, "500", "ms", LEVER, "rate of a pool: its spikes in the last so many ms (published example)"),
    REAL(trials, smoothing, BELOW_HIGH, 0, 1, "0.95", NULL, LEVER,
         "share of its position that the lever keeps in a step; the rest is the difference of the rates (published example)"),
    REAL(trials, threshold_hz, ABOVE_LOW, 0, 10000, "15", "Hz", LEVER,
         "a movement goes below minus this, then above this (published example)"),
    REAL(trials, reward_s, CLOSED, 0, 1000, "0.3", "s", LEVER, "duration of the reward (published example)"),
    REAL(trials, pause_min_s, CLOSED, 0, 1000, "0.5", "s", LEVER, "pause between trials, uniform from this ... (published example)"),
    REAL(trials, pause_max_s, CLOSED, 0, 1000, "1", "s", LEVER, "... to this (published example)"),
    REAL(trials, timeout_s, ABOVE_LOW, 0, 3600, "10", "s", LEVER,
         "a trial that takes longer fails, and counts as this (published example)"),
    REAL(trials, background_hz, CLOSED, 0, 1000, "2", "Hz", LEVER, "rate of all inputs without cue (published example)"),
    CHOICE(trials, cue, ([ESP_CUE_GAMMA] = "gamma", [ESP_CUE_BETA] = "beta"), "gamma", LEVER,
           "what the inputs' rates during the cue are drawn from, once a run: gamma (published example) or beta distribution, times "
           "cue_scale_hz"),
    REAL(trials, cue_scale_hz, ABOVE_LOW, 0, 10000, "60", "Hz", LEVER, "scale of the cue's rates (published example)"),
    REAL(trials, cue_shape_a, ABOVE_LOW, 0, 1000, "0.2", NULL, LEVER, "shape of their distribution (published example)"),
    REAL(trials, cue_shape_b, ABOVE_LOW, 0, 1000, "0.8", NULL, LEVER, "scale (gamma) or second shape (beta) of it (published example)"),
    REAL(trials, cue_min_hz, CLOSED, 0, 10000, "2", "Hz", LEVER, "lower rates of the cue are raised to this (published example)"),
    REAL(trials, cue_max_hz, CLOSED, 0, 10000, "60", "Hz", LEVER, "higher ones lowered to this (published example)"),
    REAL(trials, tau_a_s, ABOVE_LOW, 0, 1e6, "50", "s", LEVER,
         "time constant of the mean reward by which reward is divided (published example: 750 in effect)"),
    REAL(trials, alpha, CLOSED, 0, 1000, "0.02", NULL, LEVER, "what the reward signal has without reward (published example)"),
    REAL(trials, reward_floor, ABOVE_LOW, 0, 1, "0.02", NULL, LEVER, "the mean reward is at least this (published example)"),

    INTEGER(neurons, n_in, 1, 4096, "200", "inputs", LEVER, "inputs (inferred from the caption's number of synapses; published example: 50)"),
    INTEGER(neurons, n_exc, 1, 1024, "60", "neurons", LEVER,
            "excitatory neurons: those with input, then pools U and D, then the rest (published example)"),
    INTEGER(neurons, n_receiving, 1, 1024, "30", "neurons", LEVER, "excitatory neurons with input (published example)"),
    INTEGER(neurons, n_inh, 1, 1024, "20", "neurons", LEVER, "inhibitory neurons (published example)"),
    REAL(neurons, dt_ms, CLOSED, 0.01, 100, "1", "ms", LEVER, "time step (published example)"),
    REAL(neurons, exc_fall_ms, ABOVE_LOW, 0, 10000, "20", "ms", LEVER, "excitation falls with this time constant (published example)"),
    REAL(neurons, exc_rise_ms, ABOVE_LOW, 0, 10000, "2", "ms", LEVER, "and rises with this one (published example)"),
    REAL(neurons, inh_fall_ms, ABOVE_LOW, 0, 10000, "10", "ms", LEVER, "inhibition falls with this time constant (published module)"),
    REAL(neurons, inh_rise_ms, ABOVE_LOW, 0, 10000, "1", "ms", LEVER, "and rises with this one (published module)"),
    REAL(neurons, bias, CLOSED, -1000, 1000, "-3", NULL, LEVER, "membrane potential without input (published example)"),
    REAL(neurons, slope, CLOSED, 0, 1000, "1", NULL, LEVER, "steepness of the exponential escape rate (published example)"),
    REAL(neurons, scale_hz, ABOVE_LOW, 0, 1e6, "1", "Hz", LEVER, "escape rate at potential 0 (published example)"),
    REAL(neurons, dead_exc_ms, CLOSED, 0, 1000, "5", "ms", LEVER, "dead time of excitatory neurons (published example)"),
    REAL(neurons, dead_inh_ms, CLOSED, 0, 1000, "2", "ms", LEVER, "dead time of inhibitory neurons (published example)"),
    REAL(neurons, target_hz, CLOSED, 0, 1000, "5", "Hz", LEVER, "rate that homeostasis drives excitatory neurons to (published example)"),
    REAL(neurons, homeostasis, CLOSED, 0, 1000, "0.02", NULL, LEVER,
         "by which a spike raises the neuron's threshold (published example: 0.1)"),
    REAL(neurons, p_exc_to_inh, CLOSED, 0, 1, "0.575", NULL, LEVER, "connection probability, excitatory to inhibitory (published example)"),
    REAL(neurons, p_inh_to_exc, CLOSED, 0, 1, "0.6", NULL, LEVER, "inhibitory to excitatory (published example)"),
    REAL(neurons, p_inh_to_inh, CLOSED, 0, 1, "0.55", NULL, LEVER, "inhibitory to inhibitory (published example)"),
    REAL(neurons, w_exc_to_inh_mean, CLOSED, 0, 1000, "0.5", NULL, LEVER, "weights from excitatory to inhibitory: mean (published example)"),
    REAL(neurons, w_exc_to_inh_sd, CLOSED, 0, 1000, "0.1", NULL, LEVER, "and standard deviation, cut at 0 (published example)"),
    REAL(neurons, w_from_inh_mean, CLOSED, -1000, 0, "-1", NULL, LEVER, "weights from inhibitory neurons: mean (published example)"),
    REAL(neurons, w_from_inh_sd, CLOSED, 0, 1000, "0.2", NULL, LEVER, "and standard deviation, cut at 0 (published example)"),

    INTEGER(synapses, n_repeats, 1, 100, "10", "synapses", LEVER, "potential synapses of a pair at most (published example)"),
    REAL(synapses, p_potential, CLOSED, 0, 1, "0.5", NULL, LEVER, "probability of each of them (published example)"),
    REAL(synapses, start_mean, CLOSED, -1000, 1000, "-0.5", NULL, LEVER, "parameters at the start: mean (published example)"),
    REAL(synapses, start_sd, CLOSED, 0, 1000, "0.5", NULL, LEVER, "and standard deviation (published example)"),
    REAL(synapses, theta0, CLOSED, -100, 100, "3", NULL, LEVER,
         "a functional synapse has the weight exp(theta - theta0) (published example)"),
    REAL(synapses, theta_min, BELOW_HIGH, -1000, 0, "-2", NULL, LEVER, "least parameter (published example)"),
    REAL(synapses, theta_max, ABOVE_LOW, 0, 100, "5", NULL, LEVER, "greatest parameter (published example)"),
    REAL(synapses, prior_mean, CLOSED, -1000, 1000, "0", NULL, LEVER, "mean of the prior (published example)"),
    REAL(synapses, prior_sd, ABOVE_LOW, 0, 1000, "2", NULL, LEVER, "standard deviation of the prior (published example)"),
    REAL(synapses, temperature, CLOSED, 0, 1000, "0.1", NULL, LEVER, "temperature of the synaptic noise (published example)"),
    REAL(synapses, learning_rate, CLOSED, 0, 1, "1e-5", "1/s", LEVER,
         "learning rate beta (inferred from the caption's times; published example: 5e-5)"),
    REAL(synapses, tau_e_s, ABOVE_LOW, 0, 1e6, "1", "s", LEVER, "time constant of the eligibility trace (published example)"),
    REAL(synapses, tau_g_s, ABOVE_LOW, 0, 1e6, "50", "s", LEVER, "time constant of the gradient estimate (published example)"),
    REAL(synapses, gradient_gain, CLOSED, 0, 1000, "0.05", NULL, LEVER, "factor of the gradient estimate (published example: 1) ..."),
    REAL(synapses, gradient_clip, ABOVE_LOW, 0, 1e9, "400", NULL, LEVER, "... which is then cut at this (published example: 40)"),
    REAL(synapses, update_ms, ABOVE_LOW, 0, 10000, "100", "ms", LEVER, "parameters move in such steps (published module)"),
    REAL(synapses, waiting_h, CLOSED, 0, 1e6, "44", "h", LEVER,
         "arm approximate: mean waiting time until a deleted synapse comes back (inferred: in hours 10-24 as many appear in 2 h as with "
         "the exact rule); 0: leave the arm out ..."),
    REAL(synapses, return_theta, CLOSED, 0, 1000, "0.1", NULL, LEVER, "... with this parameter (inferred)"),
    REAL(synapses, consolidated_sd, ABOVE_LOW, 0, 1000, "0.05", NULL, LEVER,
         "standard deviation of the prior of a consolidated synapse around the parameter it had (inferred)"),
    REAL(synapses, p_consolidated, CLOSED, 0, 1, "1", NULL, LEVER, "probability that a synapse is consolidated (published module)"),
};
enum { N_KEYS = sizeof keys / sizeof keys[0] };

const esp_key *esp_schema_keys(int *n_keys)
{
  *n_keys = N_KEYS;
  return keys;
}

const esp_key *esp_schema_find_path(const char *path)
{
  for (int k = 0; k < N_KEYS; k++)
    if (strcmp(keys[k].path, path) == 0)
      return &keys[k];
  return NULL;
}

const esp_key *esp_schema_find(const char *section, const char *name)
{
  for (int k = 0; k < N_KEYS; k++)
    if (strcmp(keys[k].section, section) == 0 && strcmp(keys[k].name, name) == 0)
      return &keys[k];
  return NULL;
}

unsigned esp_schema_owners(const char *section)
{
  unsigned owners = 0;
  for (int k = 0; k < N_KEYS; k++)
    if (section[0] && strcmp(keys[k].section, section) == 0)
      owners |= keys[k].experiments;
  return owners;
}

const char *esp_experiment_name(esp_experiment_id experiment)
{
  return experiment_words[experiment];
}

const char *esp_experiment_sentence(esp_experiment_id experiment)
{
  static const char *const sentences[] = {
#define X(ID, name, task, sentence) [ESP_EXPERIMENT_##ID] = sentence,
      ESP_EXPERIMENTS(X)
#undef X
  };
  return sentences[experiment];
}

/* Those of the words that are chosen by bits. */
static const char *list_words(const char *const *words, unsigned chosen, const char *before, const char *after, const char *last,
                              char *buffer, size_t size)
{
  size_t n = 0;
  buffer[0] = '\0';
  for (int i = 0; words[i] && n < size; i++) {
    if (!(chosen & 1u << i))
      continue;
    const char *between = n == 0 ? "" : chosen >> i == 1 ? last : ", ";
    n += (size_t)snprintf(buffer + n, size - n, "%s%s%s%s", between, before, words[i], after);
  }
  return buffer;
}

const char *esp_list_experiments(unsigned experiments, const char *before, const char *after, const char *last, char *buffer,
                                 size_t size)
{
  return list_words(experiment_words, experiments & ALL, before, after, last, buffer, size);
}

static bool is_of(const esp_key *key, esp_experiment_id experiment)
{
  return key->experiments & 1u << experiment;
}

static void *member(const esp_key *key, esp_config *config)
{
  return (char *)config + key->offset;
}

static const void *const_member(const esp_key *key, const esp_config *config)
{
  return (const char *)config + key->offset;
}

/* ---- words ---- */

const char *esp_quoted(const char *text)
{
  enum { LONGEST = 48 };
  static _Thread_local char buffer[LONGEST + 8];
  size_t n = strlen(text);
  const bool cut = n > LONGEST;
  if (cut) {
    n = LONGEST;
    while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) /* not inside a character */
      n--;
  }
  snprintf(buffer, sizeof buffer, "'%.*s%s'", (int)n, text, cut ? "..." : "");
  for (char *c = buffer; *c != '\0'; c++)
    if ((unsigned char)*c < ' ' || *c == 127)
      *c = '?';
  return buffer;
}

/* "from 0 to 1", "above 0 and below 1". */
static const char *range_words(const esp_key *key, char *buffer, size_t size)
{
  char low[32], high[32];
  esp_print_real(key->low, low, sizeof low);
  esp_print_real(key->high, high, sizeof high);
  if (key->range == ESP_RANGE_CLOSED)
    snprintf(buffer, size, "from %s to %s", low, high);
  else if (key->range == ESP_RANGE_ABOVE_LOW)
    snprintf(buffer, size, "above %s, at most %s", low, high);
  else if (key->range == ESP_RANGE_BELOW_HIGH)
    snprintf(buffer, size, "at least %s, below %s", low, high);
  else
    snprintf(buffer, size, "above %s and below %s", low, high);
  return buffer;
}

const char *esp_key_allowed(const esp_key *key, char *buffer, size_t size)
{
  char range[80];
  switch (key->type) {
  case ESP_KEY_INTEGER:
    snprintf(buffer, size, "an integer from %.0f to %.0f", key->low, key->high);
    break;
  case ESP_KEY_UINT64:
    snprintf(buffer, size, "an integer from 0 to 18446744073709551615");
    break;
  case ESP_KEY_REAL:
    snprintf(buffer, size, "a number %s", range_words(key, range, sizeof range));
    break;
  case ESP_KEY_CHOICE:
    list_words(key->choices, ~0u, "", "", ", ", buffer, size);
    break;
  case ESP_KEY_LIST:
    snprintf(buffer, size, "a list of 1 to %d increasing %s %s, such as %s", ESP_MAX_LIST, key->whole ? "integers" : "numbers",
             range_words(key, range, sizeof range), key->example);
    break;
  }
  return buffer;
}

enum { LONGEST_WORD = 48 };

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int least(int a, int b)
{
  return a < b ? a : b;
}

/* Optimal string alignment: insert, delete, replace, swap neighbours. */
static int distance(const char *a, const char *b)
{
  const int n = (int)strlen(a), m = (int)strlen(b);
  int d[LONGEST_WORD + 1][LONGEST_WORD + 1];
  for (int i = 0; i <= n; i++)
    d[i][0] = i;
  for (int j = 0; j <= m; j++)
    d[0][j] = j;
  for (int i = 1; i <= n; i++)
    for (int j = 1; j <= m; j++) {
      const int cost = lower(a[i - 1]) != lower(b[j - 1]);
      d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + cost);
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[n][m];
}

const char *esp_closest(const char *word, const char *candidate, const char *best_so_far, int *best)
{
  const size_t n = strlen(word), m = strlen(candidate);
  if (n == 0 || n > LONGEST_WORD || m > LONGEST_WORD)
    return best_so_far;
  int d = distance(word, candidate);
  if (d > 1 + (int)n / 4) /* more than a slip of the finger: of use only if it is a part of the candidate */
    d = n >= 4 && strstr(candidate, word) ? ESP_FAR - 1 : ESP_FAR;
  if (d >= *best)
    return best_so_far;
  *best = d;
  return candidate;
}

/* ---- numbers, independent of the locale of the process ---- */

static locale_t c_locale(void)
{
  static locale_t made; /* one, kept: glibc hands out a constant object for "C" */
  if (made == (locale_t)0)
    made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  return made;
}

void esp_print_real(double value, char *buffer, size_t size)
{
  const locale_t c = c_locale(), before = uselocale(c);
  if (fabs(value) < 1e15 && value == floor(value)) /* 60, not 6e+01 */
    snprintf(buffer, size, "%.0f", value);
  else
    for (int digits = 1; digits <= 17; digits++) {
      snprintf(buffer, size, "%.*g", digits, value);
      if (strtod_l(buffer, NULL, c) == value)
        break;
    }
  uselocale(before);
}

static const char *skip_digits(const char *s)
{
  while (*s >= '0' && *s <= '9')
    s++;
  return s;
}

/* The numbers of the YAML core schema: [-+]? ( [0-9]+ ( . [0-9]* )? | . [0-9]+ ) ( [eE] [-+]? [0-9]+ )? */
static bool is_number(const char *s, bool *whole)
{
  s += *s == '-' || *s == '+';
  const char *end = skip_digits(s);
  bool digits = end > s;
  *whole = digits;
  if (*end == '.') {
    const char *point = end;
    end = skip_digits(point + 1);
    digits |= end > point + 1;
    *whole = false;
  }
  if (digits && (*end == 'e' || *end == 'E')) {
    const char *exponent = end + 1 + (end[1] == '-' || end[1] == '+');
    end = skip_digits(exponent);
    digits = end > exponent;
    *whole = false;
  }
  return digits && *end == '\0';
}

static bool has_word(const char *text, const char *words) /* words: "|a|b|" */
{
  char wanted[16];
  if (strlen(text) > 8 || strchr(text, '|'))
    return false;
  snprintf(wanted, sizeof wanted, "|%s|", text);
  for (char *c = wanted; *c != '\0'; c++)
    *c = lower(*c);
  return strstr(words, wanted);
}

__attribute__((format(printf, 3, 4))) static bool refuse(char *fault, size_t size, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(fault, size, format, args);
  va_end(args);
  return false;
}

static bool out_of_range(const char *text, char *fault, size_t size)
{
  return refuse(fault, size, "%s is out of range", esp_quoted(text));
}

/* Whether the text is a number, whole or not; if not, why. */
static bool read_form(const char *text, bool plain, bool *whole, char *fault, size_t size)
{
  const bool number = is_number(text, whole);
  if (number && !plain)
    return refuse(fault, size, "%s is in quotes, so it is text, not a number; write it without quotes", esp_quoted(text));
  const char *digits = text + (*text == '-' || *text == '+');
  if (number && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9')
    return refuse(fault, size, "%s begins with 0, which some programs read as octal; leave the 0 out", esp_quoted(text));
  if (number)
    return true;
  const char *hint = "";
  if (has_word(text, "|yes|no|true|false|on|off|"))
    hint = " (no key here is a yes/no switch)";
  else if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X' || digits[1] == 'o' || digits[1] == 'b'))
    hint = " (write it in decimal)";
  else if (has_word(digits, "|.inf|inf|infinity|.nan|nan|"))
    hint = " (it must be finite)";
  else if (text[strspn(text, "+-0123456789_.")] == '\0' && strchr(text, '_'))
    hint = " (write digits without underscores)";
  else if (text[strspn(text, "+-0123456789,")] == '\0' && strchr(text, ','))
    hint = " (the decimal sign is a point)";
  return refuse(fault, size, "%s is not a number%s", esp_quoted(text), hint);
}

static bool in_range(const esp_key *key, double v)
{
  const bool low_counts = key->range == ESP_RANGE_CLOSED || key->range == ESP_RANGE_BELOW_HIGH;
  const bool high_counts = key->range == ESP_RANGE_CLOSED || key->range == ESP_RANGE_ABOVE_LOW;
  return v >= key->low && v <= key->high && (v != key->low || low_counts) && (v != key->high || high_counts);
}

static bool read_real(const esp_key *key, const char *text, bool plain, double *value, char *fault, size_t size)
{
  bool whole;
  if (!read_form(text, plain, &whole, fault, size))
    return false;
  errno = 0;
  const double v = strtod_l(text, NULL, c_locale());
  if (errno == ERANGE && (v == 0.0 || isinf(v)))
    return refuse(fault, size, "%s is too %s for a double", esp_quoted(text), v == 0.0 ? "small" : "large");
  if (!in_range(key, v))
    return out_of_range(text, fault, size);
  *value = v + 0.0; /* no -0 */
  return true;
}

static bool set_integer(const esp_key *key, const char *text, bool plain, esp_config *config, char *fault, size_t size)
{
  bool whole;
  if (!read_form(text, plain, &whole, fault, size))
    return false;
  if (!whole) {
    char hint[64] = "";
    const double v = strtod_l(text, NULL, c_locale());
    if (fabs(v) < 1e15 && v == floor(v))
      snprintf(hint, sizeof hint, " (write %.0f)", v);
    return refuse(fault, size, "%s is not written as an integer%s", esp_quoted(text), hint);
  }
  errno = 0;
  const uint64_t value = strtoull(text + (*text == '-' || *text == '+'), NULL, 10);
  const double v = *text == '-' ? -(double)value : (double)value; /* exact where it is in range */
  if (errno == ERANGE || !(key->type == ESP_KEY_UINT64 ? v >= 0 : in_range(key, v)))
    return out_of_range(text, fault, size);
  if (key->type == ESP_KEY_UINT64)
    *(uint64_t *)member(key, config) = value;
  else
    *(int *)member(key, config) = (int)v;
  return true;
}

static bool set_choice(const esp_key *key, const char *text, esp_config *config, char *fault, size_t size)
{
  for (int i = 0; key->choices[i]; i++)
    if (strcmp(key->choices[i], text) == 0) {
      memcpy(member(key, config), &i, sizeof i);
      return true;
    }
  return refuse(fault, size, "%s is not one of the choices", esp_quoted(text));
}

bool esp_key_set(const esp_key *key, const char *text, bool plain, esp_config *config, char *fault, size_t size)
{
  if (plain && text[0] == '\0')
    return refuse(fault, size, "there is no value");
  switch (key->type) {
  case ESP_KEY_INTEGER:
  case ESP_KEY_UINT64:
    return set_integer(key, text, plain, config, fault, size);
  case ESP_KEY_REAL:
    return read_real(key, text, plain, member(key, config), fault, size);
  case ESP_KEY_CHOICE:
    return set_choice(key, text, config, fault, size);
  case ESP_KEY_LIST:
    break;
  }
  return refuse(fault, size, "%s is not a list", esp_quoted(text));
}

esp_number_list *esp_key_list(const esp_key *key, esp_config *config)
{
  return member(key, config);
}

bool esp_key_append(const esp_key *key, const char *text, bool plain, esp_config *config, char *fault, size_t size)
{
  esp_number_list *list = esp_key_list(key, config);
  double v;
  if (plain && text[0] == '\0')
    return refuse(fault, size, "there is no value");
  if (!read_real(key, text, plain, &v, fault, size))
    return false;
  if (key->whole && v != floor(v))
    return refuse(fault, size, "%s is not an integer", esp_quoted(text));
  if (list->n > 0 && v <= list->value[list->n - 1]) {
    char last[32], now[32];
    esp_print_real(list->value[list->n - 1], last, sizeof last);
    esp_print_real(v, now, sizeof now);
    return refuse(fault, size, "%s comes after %s, but the %s must increase", now, last, key->name);
  }
  if (list->n == ESP_MAX_LIST)
    return refuse(fault, size, "there are more than %d %s", ESP_MAX_LIST, key->name);
  list->value[list->n++] = v;
  return true;
}

static void set_preset(const esp_key *key, esp_experiment_id experiment, esp_config *config)
{
  char fault[256];
  const char *preset = key->preset_of[experiment] ? key->preset_of[experiment] : key->preset;
  if (key->type != ESP_KEY_LIST) {
    if (preset && !esp_key_set(key, preset, true, config, fault, sizeof fault))
      abort(); /* a slip in the table above */
    return;
  }
  esp_key_list(key, config)->n = 0;
  for (const char *s = preset; *s != ']';) { /* "[0.10, 0.15]" */
    char item[32];
    s += strspn(s, "[, ");
    const size_t n = strcspn(s, ",]");
    snprintf(item, sizeof item, "%.*s", (int)n, s);
    if (!esp_key_append(key, item, true, config, fault, sizeof fault))
      abort();
    s += n;
  }
}

void esp_schema_defaults(esp_experiment_id experiment, esp_config *config)
{
  memset(config, 0, sizeof *config);
  for (int k = 0; k < N_KEYS; k++)
    set_preset(&keys[k], experiment, config);
}

/* ---- what is written from the table ---- */

const char *esp_key_print(const esp_key *key, const esp_config *config, char *buffer, size_t size)
{
  const void *value = const_member(key, config);
  int choice;
  switch (key->type) {
  case ESP_KEY_INTEGER:
    snprintf(buffer, size, "%d", *(const int *)value);
    break;
  case ESP_KEY_UINT64:
    snprintf(buffer, size, "%llu", (unsigned long long)*(const uint64_t *)value);
    break;
  case ESP_KEY_REAL:
    esp_print_real(*(const double *)value, buffer, size);
    break;
  case ESP_KEY_CHOICE:
    memcpy(&choice, value, sizeof choice);
    snprintf(buffer, size, "%s", key->choices[choice]);
    break;
  case ESP_KEY_LIST: {
    const esp_number_list *list = value;
    size_t n = (size_t)snprintf(buffer, size, "[");
    for (int i = 0; i < list->n && n < size; i++) {
      char number[32];
      esp_print_real(list->value[i], number, sizeof number);
      n += (size_t)snprintf(buffer + n, size - n, "%s%s", i > 0 ? ", " : "", number);
    }
    if (n < size)
      snprintf(buffer + n, size - n, "]");
    break;
  }
  }
  return buffer;
}

FILE *esp_text_begin(char **text, size_t *size)
{
  *text = NULL;
  FILE *stream = open_memstream(text, size);
  if (!stream)
    esp_fail(ESP_ERR_NOMEM, "memory is exhausted while a configuration is written out");
  return stream;
}

esp_err esp_text_end(FILE *stream, char **text)
{
  const bool bad = ferror(stream) != 0;
  if (fclose(stream) == 0 && !bad)
    return ESP_OK;
  free(*text);
  *text = NULL;
  return esp_fail(ESP_ERR_NOMEM, "memory is exhausted while a configuration is written out");
}

esp_err esp_schema_resolved(const esp_config *config, char **text)
{
  size_t size;
  FILE *out = esp_text_begin(text, &size);
  if (!out)
    return ESP_ERR_NOMEM;
  const char *section = "";
  char value[ESP_KEY_TEXT];
  for (int k = 0; k < N_KEYS; k++) {
    if (!is_of(&keys[k], config->experiment))
      continue;
    if (strcmp(section, keys[k].section) != 0)
      fprintf(out, "\n%s:\n", section = keys[k].section);
    fprintf(out, "%s%s: %s\n", section[0] ? "  " : "", keys[k].name,
            esp_key_print(&keys[k], config, value, sizeof value));
  }
  return esp_text_end(out, text);
}

void esp_config_analysis_keys(const esp_config *config, char *buffer, size_t size)
{
  buffer[0] = '\0';
  for (int k = 0; k < N_KEYS; k++)
    if (keys[k].analysis && is_of(&keys[k], config->experiment)) {
      const size_t used = strlen(buffer);
      snprintf(buffer + used, size - used, "%s%s", used > 0 ? ", " : "", keys[k].path);
    }
}

esp_err esp_config_difference(const esp_config *old_config, const esp_config *new_config, esp_difference of, char **difference)
{
  size_t size;
  FILE *out = esp_text_begin(difference, &size);
  if (!out)
    return ESP_ERR_NOMEM;
  for (int k = 0; k < N_KEYS; k++) {
    char was[ESP_KEY_TEXT] = "(none)", is[ESP_KEY_TEXT] = "(none)";
    if (keys[k].run_only || (keys[k].analysis && of == ESP_DIFFERENCE_OF_NETWORKS))
      continue;
    if (is_of(&keys[k], old_config->experiment))
      esp_key_print(&keys[k], old_config, was, sizeof was);
    if (is_of(&keys[k], new_config->experiment))
      esp_key_print(&keys[k], new_config, is, sizeof is);
    if (strcmp(was, is) != 0) /* equal texts are equal values: the text reads back to the same bits */
      fprintf(out, "  %s: %s -> %s\n", keys[k].path, was, is);
  }
  return esp_text_end(out, difference);
}

static void describe_preset(const esp_key *key, FILE *out)
{
  if (key->preset)
    fprintf(out, "`%s`", key->preset);
  else
    fputs("required", out);
  for (int e = 0; e < ESP_N_EXPERIMENTS; e++)
    if (key->preset_of[e])
      fprintf(out, "; %s: `%s`", experiment_words[e], key->preset_of[e]);
}

static void describe_key(const esp_key *key, FILE *out)
{
  char allowed[256], who[256];
  if (key->type == ESP_KEY_CHOICE)
    list_words(key->choices, ~0u, "`", "`", ", ", allowed, sizeof allowed);
  else
    esp_key_allowed(key, allowed, sizeof allowed);
  fprintf(out, "| `%s` | %s | ", key->name, allowed);
  describe_preset(key, out);
  fprintf(out, " | %s | %s", key->unit ? key->unit : "-", key->meaning);
  if (key->run_only)
    fputs(" (how to run, not what: may change between runs of one file)", out);
  else if (key->analysis)
    fputs(" (`espalier analyze` can change it afterwards)", out);
  fprintf(out, " | %s |\n", esp_list_experiments(key->experiments, "", "", ", ", who, sizeof who));
}

esp_err esp_config_describe(char **markdown)
{
  size_t size;
  FILE *out = esp_text_begin(markdown, &size);
  if (!out)
    return ESP_ERR_NOMEM;
  fputs("# Keys of a configuration\n\n"
        "A configuration is one YAML file of sections with keys; `config/` holds complete examples. A key that is left out\n"
        "has its default. On the command line `--set section.key=value` replaces a value of the file. A unit of - means\n"
        "dimensionless, or a word. Numbers are written as `400`, `0.05` or `5e-5`; integers as digits only.\n",
        out);
  const char *section = NULL;
  for (int k = 0; k < N_KEYS; k++) {
    if (!section || strcmp(section, keys[k].section) != 0) {
      section = keys[k].section;
      fprintf(out, "\n## %s\n\n| key | allowed | default | unit | meaning | experiments |\n|---|---|---|---|---|---|\n",
              section[0] ? section : "Top level");
    }
    describe_key(&keys[k], out);
  }
  return esp_text_end(out, markdown);
}
