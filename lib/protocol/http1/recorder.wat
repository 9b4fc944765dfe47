;; Writes down what llhttp reports, in a memory of its own (lib/protocol/http1/recorder.ts reads it).
;;
;; At 0 stands where the next span goes, at 4 the last place for one, at 8 how many bytes of targets
;; were reported, at 12 where the input area lies in the memory of llhttp. Spans follow from 16 on: where
;; one begins in the input area, and its length.
(module
  (memory (export "memory") 1)

  ;; A part of a message. One for which there is no place is let go.
  (func $span (export "span") (param $parser i32) (param $at i32) (param $length i32) (result i32)
    (local $next i32)
    (local.set $next (i32.load (i32.const 0)))
    (if (i32.le_u (local.get $next) (i32.load (i32.const 4)))
      (then
        (i32.store (local.get $next) (i32.sub (local.get $at) (i32.load (i32.const 12))))
        (i32.store offset=4 (local.get $next) (local.get $length))
        (i32.store (i32.const 0) (i32.add (local.get $next) (i32.const 8)))))
    (i32.const 0))

  (func (export "target") (param $parser i32) (param $at i32) (param $length i32) (result i32)
    (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (local.get $length)))
    (call $span (local.get $parser) (local.get $at) (local.get $length)))

  (func (export "ignoreSpan") (param $parser i32) (param $at i32) (param $length i32) (result i32)
    (i32.const 0))

  (func (export "ignore") (param $parser i32) (result i32)
    (i32.const 0))

  ;; HPE_PAUSED: the parser stops, and its caller goes on.
  (func (export "pause") (param $parser i32) (result i32)
    (i32.const 21))

  (func (export "pauseAtHead") (param $parser i32) (param i32 i32 i32) (result i32)
    (i32.const 21)))
