import Glibc
import NamespaceLab

/// Checks until the condition holds; false if it does not within the limit, which is that of a hang.
func eventually(
    within limit: Duration = .seconds(60),
    _ check: () throws -> Bool
) throws -> Bool {
    let deadline = Deadline(in: limit)
    while true {
        if try check() { return true }
        if deadline.hasPassed { return false }
        usleep(50_000)
    }
}
