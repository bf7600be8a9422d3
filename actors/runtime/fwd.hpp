#pragma once

namespace troupe::runtime {

class actor_table;
class clock;
class flushable;
class lean_actor;
class loop_coordinator;
class manual_clock;
class run_loop;
class timer_entry;
class timer_wheel;
struct loop_stats;
struct runtime_options;

}  // namespace troupe::runtime
