#include <iostream>

#include "broker/serve.h"
#include "cli/commands.h"

int main(int argc, char** argv) {
  return weir::cli::run(argc, argv, {.out = std::cout, .err = std::cerr, .serve = weir::broker::serve});
}
