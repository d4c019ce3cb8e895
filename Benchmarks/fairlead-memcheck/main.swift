import Glibc
import LibraryEdge

// Run by scripts/memcheck.
let passes = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 10_000
do {
    let edge = try LibraryEdge()
    for _ in 0..<passes { try edge.pass() }
    print("\(passes) passes")
} catch {
    print("failed: \(error)")
    exit(1)
}
