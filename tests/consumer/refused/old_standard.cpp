// gnu++17 error: vitro needs C\+\+20: compile with -std=c\+\+20
#include <vitro/vitro.h>
int main() { return vitro::ones({2}).numel() == 2 ? 0 : 1; }
