/**
 * Checksum offload of the overlay, tried with real packets. Links and drivers write the checksum of what is inside a tunnel, or should;
 * some write it wrong, and then only what carries data is lost, while pings pass. A plain route needs no such trial: a link that fails there
 * fails for the node itself.
 */
import type { Logger } from '../api/logger.ts';
import { answersDatagrams, answersPing, setChecksumOffload } from '../kernel/checksum-offload.ts';
import type { Exec } from '../kernel/exec.ts';
import { overlayName } from './names.ts';
import type { Vtep } from './plan-overlay.ts';

/** RFC 863: nobody listens there, as a rule, and then the far kernel itself says so. */
const discardPort = 9;
/** Far nodes that are asked in one look. */
const maxAsked = 3;

type Verdict = 'right' | 'wrong' | 'unknown';

export class OverlayOffload {
  readonly #exec: Exec;
  readonly #logger: Logger;
  readonly #tell: (reason: string, message: string) => void;
  #isSettled = false;
  #isLooking = false;
  /** Gateways of nodes that answer pings and never datagrams: something filters there. */
  readonly #silent = new Set<string>();

  constructor(exec: Exec, logger: Logger, tell: (reason: string, message: string) => void) {
    this.#exec = exec;
    this.#logger = logger;
    this.#tell = tell;
  }

  /** The link was made anew, and is as the kernel makes it. */
  renew(): void {
    this.#isSettled = false;
    this.#silent.clear();
  }

  /** Asks until some node has answered; then, and without nodes, it costs nothing. Never rejects. */
  async look(vteps: readonly Vtep[]): Promise<void> {
    if (this.#isSettled || this.#isLooking) return;
    this.#isLooking = true;
    try {
      const asked = vteps.filter(({ gateways: [gateway = ''] }) => !this.#silent.has(gateway)).slice(0, maxAsked);
      for (const vtep of asked) if ((this.#isSettled = await this.#settle(vtep))) break;
    } catch (error) {
      this.#logger.warn(`checksum offload of ${overlayName} was not tried`, { error });
    } finally {
      this.#isLooking = false;
    }
  }

  async #settle({ node, gateways: [gateway = ''] }: Vtep): Promise<boolean> {
    const verdict = await this.#try(gateway);
    if (verdict === 'right') this.#logger.info(`checksums by ${overlayName} arrive right`, { node });
    if (verdict === 'wrong')
      this.#tell(
        'ChecksumOffloadBroken',
        `checksums that link ${overlayName} writes arrive wrong at node ${node}: its checksum offload is off now, the kernel writes them itself`,
      );
    return verdict !== 'unknown';
  }

  async #try(gateway: string): Promise<Verdict> {
    if (await answersDatagrams(this.#exec, gateway, discardPort)) return 'right';
    // Not there yet, perhaps.
    if (!(await answersPing(this.#exec, gateway))) return 'unknown';
    await setChecksumOffload(this.#exec, overlayName, false);
    if (await answersDatagrams(this.#exec, gateway, discardPort)) return 'wrong';
    await setChecksumOffload(this.#exec, overlayName, true);
    this.#silent.add(gateway);
    return 'unknown';
  }
}
