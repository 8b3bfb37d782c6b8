// What the stand-in for libcuda tells of itself, besides the driver's functions. A program finds
// these by dlsym, as the library finds the driver's.
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

// The n-th call of a driver function from now on fails, and every one that follows it if `all`; 0:
// none does. Returns how many calls were left until the failure that was planned before.
int64_t stand_in_cuda_fail(int64_t n, int all);

// Modules, allocations, retained contexts and pushed ones that are left.
int64_t stand_in_cuda_alive();

// Wrong uses since the start, such as a release of what is not there; each is a line of the log that
// begins with "wrong".
int64_t stand_in_cuda_wrong();
}
