import Foundation
import Glibc
import NamespaceLab
import SystemCalls
import Testing

@Suite("LockHolder")
struct LockHolderTests {
    @Test("It is the process that locked the file, also if a child has the file now")
    func holder() throws {
        let path = FileManager.default.temporaryDirectory.path + "/fairlead-\(UUID().uuidString)"
        defer { unlink(path) }
        #expect(LockHolder.find(path) == nil)
        let file = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0o600)
        #expect(LockHolder.find(path) == nil)
        #expect(flock(file, LOCK_EX) == 0)
        let own = try #require(LockHolder.find(path))
        #expect(own.pid == getpid() && !own.hasEnded)
        #expect(own.description == "process \(getpid()) (\(own.name ?? ""))")
        // One that waits is no holder.
        let waiting = open(path, O_RDONLY | O_CLOEXEC)
        #expect(flock(waiting, LOCK_EX | LOCK_NB) != 0)
        #expect(LockHolder.find(path)?.pid == getpid())
        close(waiting)
        close(file)
        #expect(LockHolder.find(path) == nil)
        // flock(1) locks the shell's file and ends.
        let shell = try LabProcess(
            ["/bin/sh", "-c", "exec 9<\"$0\"; flock 9; echo locked; read line", path]
        )
        try shell.waitForLine(containing: "locked")
        // Elsewhere than in the first PID namespace the kernel does not list a process that is gone.
        if try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
            == "pid:[4026531836]"
        {
            let left = try #require(LockHolder.find(path))
            #expect(left.hasEnded && left.pid != shell.pid)
            #expect(left.description == "process \(left.pid) (ended, and left it to a child)")
        } else {
            #expect(LockHolder.find(path) == nil)
        }
        shell.closeInput()
        _ = try shell.finish()
    }
}
