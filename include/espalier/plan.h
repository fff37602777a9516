/* espalier/plan.h - what an experiment declares: its table of stages and the fields of a record.
 *
 *     record[member][arm][stage] = f(config, seed, member, arm, stage, record of the parent)
 *
 * A cell is one (member, arm, stage). File layout, resume, status, verify, readers and docs follow from the plan; nothing
 * but the experiment itself knows what a field means. Pure, local, no library. */
#ifndef ESPALIER_PLAN_H
#define ESPALIER_PLAN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "espalier/error.h"

#define ESP_MAX_ARMS 8
#define ESP_MAX_AXES 24   /* of a plan  */
#define ESP_FIELD_AXES 4  /* of a field */
#define ESP_MAX_FIELDS 64 /* of a record */

typedef enum { ESP_F64, ESP_I32, ESP_U8, ESP_F32 } esp_type; /* little-endian in the file */

/** Bytes of one element. */
size_t esp_type_bytes(esp_type type);

/** Element i of an array of this type, as a double. */
double esp_element(esp_type type, const void *values, long i);

/** A named axis of a field ("post", "pre", "call", ...), a dimension scale in the file. */
typedef struct {
  char name[32];
  int length;
  const char *unit;      /* "1" for a dimensionless index, "ms", ...; static text            */
  const char *long_name; /* one sentence; static text                                        */
  double *values;        /* [length] scale values, owned by the plan; NULL: 1, 2, ... length */
} esp_axis;

/** One field of a record: a fixed-size array. */
typedef struct {
  const char *name;          /* dataset name                                             */
  esp_type type;
  int n_axes;                /* 0: one number                                            */
  int axis[ESP_FIELD_AXES];  /* indices into plan->axes, slow to fast                    */
  const char *unit;          /* "1" if dimensionless                                     */
  const char *long_name;     /* one sentence that explains it to a stranger              */
  bool in_summary;           /* a single number, shown by run and status                 */
} esp_field;

/** A set of fields and where each lies in a record's memory (every field starts on an 8-byte boundary). */
typedef struct {
  int n_fields;
  esp_field field[ESP_MAX_FIELDS];
  size_t offset[ESP_MAX_FIELDS]; /* bytes */
  size_t count[ESP_MAX_FIELDS];  /* elements */
  size_t bytes;                  /* of a whole record */
} esp_layout;

/** One record in memory; data is owned by whoever made it. */
typedef struct {
  const esp_layout *layout;
  unsigned char *data; /* [layout->bytes], 8-byte aligned */
} esp_record;

double *esp_record_f64(const esp_record *record, int field);
float *esp_record_f32(const esp_record *record, int field);
int32_t *esp_record_i32(const esp_record *record, int field);
uint8_t *esp_record_u8(const esp_record *record, int field);

/** Fill a record with "nothing": NaN, -1, 0 by type; padding 0. */
void esp_record_clear(esp_record *record);

typedef struct {
  int member, arm, stage;
} esp_cell;

#define ESP_NO_PARENT (-1)

typedef struct {
  int arm, stage; /* a parent may lie in another arm; ESP_NO_PARENT: none */
} esp_parent;

typedef struct {
  char name[32];          /* "start", "rung_0.70", "transfer"                                 */
  const char *long_name;  /* one sentence; static text                                        */
  double value;           /* what plan.stage_value says, such as the prune fraction           */
  int n_members;          /* the stage exists for members 0 .. n_members - 1                  */
  esp_parent parent[ESP_MAX_ARMS]; /* by arm                                                  */
  bool absent[ESP_MAX_ARMS];/* by arm: this arm does not have the stage                         */
  bool copy[ESP_MAX_ARMS];/* by arm: the record is the parent's, bit for bit (a shared start) */
  double expected_cost[ESP_MAX_ARMS]; /* relative expected work, for scheduling and ETA only  */
  /* For simulations only: how far work lies from what is expected, as sd of its log (0: not at all). */
  double member_log_sd;   /* what the cells of a member share                                 */
  double cell_log_sd;     /* what each cell has of its own                                    */
  double max_cost;        /* the most it can be; 0: no limit                                  */
} esp_stage;

typedef struct esp_plan {
  const char *experiment;           /* "dms"                             */
  int n_members, n_arms, n_stages;
  char arm_name[ESP_MAX_ARMS][32];
  bool pruned[ESP_MAX_ARMS]; /* networks of the arm lack the share of weights that is the value of their stage */
  struct {                /* a number of each arm, for the file; name NULL: there is none         */
    const char *name, *unit, *long_name;
    double value[ESP_MAX_ARMS];
  } arm_value;
  struct {                /* what the value of each stage is, for the file                        */
    const char *name, *unit, *long_name;
  } stage_value;
  const char *work;       /* what n_evaluations counts, "gradients"                               */
  bool fixed_work;        /* stages have a fixed length: nothing converges, equal cells take equal time */
  esp_stage *stages;                /* [n_stages], owned                 */
  int n_axes;
  esp_axis axes[ESP_MAX_AXES];
  bool no_memory;                   /* for the values of an axis: esp_plan_create() fails */
  esp_layout record, resume;        /* resume: state of a half-trained stage at a call boundary */
} esp_plan;

/** Make room for so many stages, zeroed. @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_plan_take_stages(esp_plan *plan, int n_stages);

/** Append an axis; returns its index. values may be NULL (1, 2, ...); they are copied. Asserts that there is room. */
int esp_plan_add_axis(esp_plan *plan, const char *name, int length, const char *unit, const char *long_name,
                      const double *values);

/** The same with the values first, first + spacing, ... */
int esp_plan_add_scale(esp_plan *plan, const char *name, int length, const char *unit, const char *long_name, double first,
                       double spacing);

/** Append a field to a layout and place it; returns its index. */
int esp_layout_add(const esp_plan *plan, esp_layout *layout, esp_field field);

/** Number of cells of the whole table, members x arms x stages, cells that no stage fills included. */
long esp_plan_n_slots(const esp_plan *plan);

/** Position of a cell in member-major order [member, arm, stage]. */
long esp_cell_slot(const esp_plan *plan, esp_cell cell);
esp_cell esp_slot_cell(const esp_plan *plan, long slot);

/** Does the experiment fill this cell at all? */
bool esp_cell_exists(const esp_plan *plan, esp_cell cell);

/** Number of cells that exist, of all members and of those from first to last (last < first: nobody). */
long esp_plan_n_cells(const esp_plan *plan);
long esp_plan_n_cells_of(const esp_plan *plan, int first, int last);

/** The parent of a cell; false if it has none. */
bool esp_cell_parent(const esp_plan *plan, esp_cell cell, esp_cell *parent);

/** "member 3, pruned, rung_0.70", in a buffer of the calling thread. */
const char *esp_cell_words(const esp_plan *plan, esp_cell cell);

void esp_plan_free(esp_plan *plan);

/* ---- outcome of a cell ---- */

typedef enum {         /* stored in the file: append, never renumber                  */
  ESP_CELL_EMPTY = 0,  /* not computed yet                                            */
  ESP_CELL_DONE = 1,   /* trained; see the stop reason                                */
  ESP_CELL_FAILED = 2, /* no usable network: weights and losses are NaN               */
} esp_cell_state;

typedef enum {                  /* why a stage ended; stored: append, never renumber              */
  ESP_STOP_NONE = 0,
  ESP_STOP_CONVERGED = 1,       /* the criterion was met                                          */
  ESP_STOP_MAX_CALLS = 2,       /* all training calls were made                                   */
  ESP_STOP_COPIED = 3,          /* the record is its parent's (shared start)                      */
  ESP_STOP_NOT_FINITE = 4,      /* the loss became infinite or undefined                          */
  ESP_STOP_PARENT_FAILED = 5,   /* there is nothing to start from                                 */
  ESP_STOP_PLATEAU = 6,         /* the loss no longer fell (training.plateau_calls)               */
  ESP_STOP_SIMULATED = 7,       /* the time that the stage lasts was simulated                    */
  ESP_N_STOP_REASONS
} esp_stop_reason;

/** The words for them: "converged", "max_calls", ... Constant text. */
const char *esp_stop_reason_name(esp_stop_reason reason);

typedef struct {
  esp_cell_state state;
  esp_stop_reason stop;
  int64_t n_evaluations; /* plan.work, such as gradients computed: the work in it, free of clock and machine */
} esp_outcome;

bool esp_outcome_same(const esp_outcome *a, const esp_outcome *b);

#endif
