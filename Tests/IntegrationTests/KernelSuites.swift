import Testing

/// One at a time: each builds a lab and starts a dozen programs, and the processors are few.
@Suite("Daemon in namespaces", .serialized)
enum KernelSuites {}
