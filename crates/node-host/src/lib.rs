//! The only code that changes a machine: gathers the facts of a node and carries out its plan.
