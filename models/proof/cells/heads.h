// The numbers that one head of attention sees at one position, and its steps.
#pragma once
#include "models/proof/cells/cells.h"

namespace vitro::proof::cells {

// Queries, keys and values of one head, for the query at position t.
struct HeadView {
  std::vector<double> q = {};               // (D), before rope
  std::vector<std::vector<double>> k = {};  // of each position that t sees: (D), before rope
  std::vector<std::vector<double>> v = {};  // (D) each
  int64_t t = 0;
  int64_t positions = 0;  // T; those after the visible ones are left out by the mask
  std::optional<double> rope_base = {};
};

Number score_steps(Steps& s, const HeadView& head, int64_t at);    // q k / sqrt(D) of position `at`
Number pattern_steps(Steps& s, const HeadView& head, int64_t at);  // softmax of the scores
Number z_steps(Steps& s, const HeadView& head, int64_t d);         // number d of the mixed values

}  // namespace vitro::proof::cells
