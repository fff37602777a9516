/* report/chapter.c - the list of chapters, and what holds where one says nothing. */
#include "chapter.h"

extern const esp_chapter esp_dms_chapter, esp_scratch_chapter, esp_bandit_chapter, esp_lever_chapter;

const esp_chapter *esp_chapter_of(esp_experiment_id experiment)
{
  static const esp_chapter *const chapters[ESP_N_EXPERIMENTS] = {[ESP_EXPERIMENT_DMS] = &esp_dms_chapter,
                                                                 [ESP_EXPERIMENT_SCRATCH] = &esp_scratch_chapter,
                                                                 [ESP_EXPERIMENT_BANDIT] = &esp_bandit_chapter,
                                                                 [ESP_EXPERIMENT_LEVER] = &esp_lever_chapter};
  return chapters[experiment];
}

bool esp_sides_of(const esp_source *s, int level, esp_sides *sides)
{
  if (s->chapter->sides)
    return s->chapter->sides(s, level, sides);
  *sides = (esp_sides){.n = 2, .arm = {0, 1}, .name = {s->plan->arm_name[0], s->plan->arm_name[1]}};
  return true;
}

int esp_all_sides_of(const esp_source *s, int level, esp_sides all[ESP_MAX_ARMS])
{
  const int n = esp_sides_of(s, level, &all[0]);
  return n + (s->chapter->others ? s->chapter->others(s, level, all + n) : 0);
}
