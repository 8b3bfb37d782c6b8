// Additional functions of the stand-in for libcuda. A program finds them by dlsym, as the library
// finds the driver's functions.
#pragma once

#include <cstdint>

extern "C" {

// Every call since the last `stand_in_cuda_forget`, a line each:
//
//     load MODULE BYTES                  cubins are named by their number
//     function MODULE ENTRY
//     allocate ADDRESS BYTES
//     copy ADDRESS HEX [bytes of the host]
//     launch ENTRY grid X Y Z block X shared BYTES stream ADDRESS parameters HEX HEX ...
//
// and others by their names. Valid until the next call of the stand-in.
const char* stand_in_cuda_log();
void stand_in_cuda_forget();

// Makes the n-th following call of a driver function fail, and every later one if `all`; 0: none.
// Returns how many calls were left until the previously planned failure.
int64_t stand_in_cuda_fail(int64_t n, int all);

// Modules, allocations, retained contexts and pushed contexts that still exist.
int64_t stand_in_cuda_alive();

// Number of wrong uses since the start, such as releasing something twice. Each is a line of the
// log that begins with "wrong".
int64_t stand_in_cuda_wrong();
}
