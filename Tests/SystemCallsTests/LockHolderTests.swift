import Foundation
import Glibc
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
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/sh")
        shell.arguments = ["-c", "exec 9<\"$0\"; flock 9; echo locked; read line", path]
        let (input, output) = (Pipe(), Pipe())
        (shell.standardInput, shell.standardOutput) = (input, output)
        try shell.run()
        #expect(
            String(decoding: output.fileHandleForReading.availableData, as: UTF8.self) == "locked\n"
        )
        // Elsewhere than in the first PID namespace the kernel does not list a process that is gone.
        if try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
            == "pid:[4026531836]"
        {
            let left = try #require(LockHolder.find(path))
            #expect(left.hasEnded && left.pid != shell.processIdentifier)
            #expect(left.description == "process \(left.pid) (ended, and left it to a child)")
        } else {
            #expect(LockHolder.find(path) == nil)
        }
        try input.fileHandleForWriting.close()
        shell.waitUntilExit()
    }
}
