import { EcgclipError } from '../../ecg/ecgclip-error.js'

/** Something about topics, broker or outbox that only a person can mend; a broker that is merely away is never an error. */
export class MessagingError extends EcgclipError {}
