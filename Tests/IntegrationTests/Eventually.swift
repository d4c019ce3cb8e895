import Glibc
import NamespaceLab

/// Asks until it is so, and says whether it became so in time.
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
